import { contains, parseCidr } from "../../networks/cidr.ts";
import type { Footprint } from "../../networks/host-ops.ts";
import { type HostDeps, jsonList, must } from "./deps.ts";

type Wanted = Footprint["tunnelRoutes"];

/** Number of the protocol of routes nobody named one for; `ip` leaves it out. */
const boot = "3";

interface TunnelRoute {
  family: "-4" | "-6";
  dst: string;
  gateway: string;
  dev: string;
}

/** Routes to parts of a pod range by way of another node's end of the overlay: "10.244.1.0/26 via 10.244.1.0 dev flannel.1". */
export async function findTunnelRoutes(deps: HostDeps, wanted: Wanted): Promise<string[]> {
  return (await matching(deps, wanted)).map(nameOf);
}

/** Removes them and names what was removed. */
export async function deleteTunnelRoutes(deps: HostDeps, wanted: Wanted): Promise<string[]> {
  const found = await matching(deps, wanted);
  for (const { family, dst, gateway, dev } of found)
    await must(deps, ["ip", family, "route", "del", dst, "via", gateway, "dev", dev]);
  return found.map(nameOf);
}

async function matching(deps: HostDeps, wanted: Wanted): Promise<TunnelRoute[]> {
  const perRange = await Promise.all(
    wanted.map(async ({ within, prefix, straight = false }) => {
      const range = parseCidr(within);
      if (range === undefined) return [];
      const family = range.family === 4 ? "-4" : "-6";
      const routes = await jsonList(deps, ["ip", "-N", "-json", family, "route", "show", "root", within]);
      return routes.flatMap(({ dst, gateway, dev, protocol = boot }) => {
        const target = parseCidr(String(dst));
        const via = parseCidr(`${gateway}/${range.family === 4 ? 32 : 128}`);
        if (target?.prefix !== prefix || via === undefined || contains(range, via) === straight) return [];
        if (straight && String(protocol) !== boot) return [];
        return [{ family, dst: String(dst), gateway: String(gateway), dev: String(dev) } satisfies TunnelRoute];
      });
    }),
  );
  return perRange.flat();
}

function nameOf({ dst, gateway, dev }: TunnelRoute): string {
  return `${dst} via ${gateway} dev ${dev}`;
}
