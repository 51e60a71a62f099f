import { HostError, isRecord } from "./deps.ts";
import { routeTypes } from "./routes.ts";

/** Routes as `ip -N -details -json route` prints them, turned into lines that add them again. Pure. */

type Route = Record<string, unknown>;
type Family = "-4" | "-6";

const kernelProtocol = "2";
/** Key of a route -> word before its value. */
const options = { table: "table", protocol: "proto", scope: "scope", prefsrc: "src", metric: "metric", pref: "pref" };
const knownKeys = ["type", "dst", "gateway", "via", "dev", "flags", "metrics", ...Object.keys(options)];
const knownFlags = ["onlink"];
/** Flags that tell a state and are no part of the route. */
const stateFlags = ["linkdown", "dead", "offload", "trap", "rt_offload", "rt_trap"];
const knownMetrics = ["mtu", "advmss", "hoplimit", "initcwnd", "initrwnd"];

/**
 * The line that adds a route of this device again, `@` in place of the device; undefined for another device's and for the
 * kernel's own. Throws for a route with anything that would be lost.
 */
export function routeLine(route: Route, family: Family, device: string): string | undefined {
  if (!touches(route, device) || isKernels(route)) return undefined;
  const flags = strings(route.flags).filter((flag) => !stateFlags.includes(flag));
  const metrics = records(route.metrics).flatMap((entry) => Object.entries(entry));
  const unknown = [
    ...Object.keys(route).filter((key) => !knownKeys.includes(key)),
    ...flags.filter((flag) => !knownFlags.includes(flag)),
    ...metrics.map(([name]) => name).filter((name) => !knownMetrics.includes(name)),
  ];
  if (unknown.length > 0)
    throw new HostError(
      `route ${route.dst} on ${device} has ${unknown.join(", ")}, which a rename while down would lose`,
    );
  const type = routeTypes[String(route.type ?? 1)] ?? route.type;
  return ["route add", type, ...target(route, family), ...values(route, family), ...metrics.flat(), ...flags].join(" ");
}

function touches(route: Route, device: string): boolean {
  return route.dev === device || records(route.nexthops).some((leg) => leg.dev === device);
}

/** Made by the kernel from addresses and when a device comes up. */
function isKernels(route: Route): boolean {
  return String(route.protocol) === kernelProtocol || String(route.dst).startsWith("ff00:");
}

function target(route: Route, family: Family): unknown[] {
  const everything = family === "-4" ? "0.0.0.0/0" : "::/0";
  const via = isRecord(route.via) ? ["via", route.via.family, route.via.host] : [];
  const gateway = route.gateway === undefined ? [] : ["via", route.gateway];
  return [route.dst === "default" ? everything : route.dst, ...via, ...gateway, "dev @"];
}

function values(route: Route, family: Family): unknown[] {
  return Object.entries(options).flatMap(([key, word]) => {
    const absent = route[key] === undefined || (family === "-6" && key === "scope");
    return absent ? [] : [word, route[key]];
  });
}

function records(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
