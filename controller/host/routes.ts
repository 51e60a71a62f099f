import { type HostDeps, jsonList, must } from "./deps.ts";

/** Routing by protocol number, IPv4 and IPv6, all tables. */

/** Numbers of rtnetlink's route types, as `ip -N` prints them (linux/rtnetlink.h). */
export const routeTypes: Record<string, string> = {
  1: "unicast",
  2: "local",
  3: "broadcast",
  4: "anycast",
  5: "multicast",
  6: "blackhole",
  7: "unreachable",
  8: "prohibit",
  9: "throw",
};
const mainTable = "254";

/** Routes of a protocol, as a person would name them: "blackhole 10.244.1.0/26 proto 80". */
export async function findRoutes(deps: HostDeps, protocol: number, blackholeOnly: boolean): Promise<string[]> {
  const perFamily = await Promise.all(
    ["-4", "-6"].map((family) =>
      jsonList(deps, ["ip", "-N", "-json", family, "route", "show", ...selector(protocol, blackholeOnly)]),
    ),
  );
  return perFamily.flat().map((route) => routeName(route, protocol));
}

/** Removes them and names what was removed. */
export async function deleteRoutes(deps: HostDeps, protocol: number, blackholeOnly: boolean): Promise<string[]> {
  const found = await findRoutes(deps, protocol, blackholeOnly);
  if (found.length === 0) return [];
  for (const family of ["-4", "-6"])
    await must(deps, ["ip", family, "route", "flush", ...selector(protocol, blackholeOnly)]);
  return found;
}

function selector(protocol: number, blackholeOnly: boolean): string[] {
  return ["table", "all", "proto", String(protocol), ...(blackholeOnly ? ["type", "blackhole"] : [])];
}

function routeName(route: Record<string, unknown>, protocol: number): string {
  const type = routeTypes[String(route.type ?? 1)] ?? String(route.type);
  const words = type === "unicast" ? [] : [type];
  words.push(String(route.dst));
  if (route.gateway !== undefined) words.push("via", String(route.gateway));
  if (route.dev !== undefined && type === "unicast") words.push("dev", String(route.dev));
  words.push("proto", String(protocol));
  if (String(route.table ?? mainTable) !== mainTable) words.push("table", String(route.table));
  return words.join(" ");
}
