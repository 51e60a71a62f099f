import { calico } from "../calico/facts.ts";
import type { PlanContext, PlanNode } from "../contract.ts";
import { flannel, linkName } from "../flannel/facts.ts";
import { vtepOf } from "../flannel/vtep.ts";
import type { HostOp } from "../host-ops.ts";
import { canal } from "./facts.ts";

/** Seconds the agent may take to serve a node: pulling its images is part of it. */
const limitSeconds = 240;

/** Routes that are waited for; flanneld adds those of all nodes it knows at once. */
const mostRoutes = 64;

/** A configuration of an earlier run would be taken for the one this agent writes. */
export function join({ source }: PlanContext): HostOp[] {
  return [{ op: "removeFile", path: `${source.cniConfDir}/${canal.conflist}` }];
}

/**
 * Felix says by itself that policies hold. flanneld has no such place, and its subnet.env is inside the pod: that it is up is
 * seen by its routes to nodes that have an end of the overlay.
 */
export function awaitJoined(context: PlanContext, node: PlanNode): HostOp[] {
  const { overlay, source, nodes } = context;
  const device = linkName(overlay);
  const mac = source.vteps[node.name]?.mac;
  const marks = { vni: overlay.vni, port: overlay.port, ...(mac === undefined ? {} : { mac }) };
  const prefix = source.detected.find((d) => d.name === "annotationPrefix")?.value ?? flannel.annotationPrefix;
  const peers = nodes.filter((n) => n.name !== node.name && vtepOf(n, prefix) !== undefined);
  const ranges = peers.flatMap((peer) => peer.podCIDRs.filter((cidr) => !cidr.includes(":")));
  const destinations = ranges.slice(0, mostRoutes);
  return [
    // First: a pod writes it before its Felix starts, so that it is not an earlier one that answers.
    { op: "awaitFile", path: `${source.cniConfDir}/${canal.conflist}`, timeoutSeconds: limitSeconds },
    { op: "awaitHttp", url: calico.readiness, statuses: [200, 204], timeoutSeconds: limitSeconds },
    { op: "awaitVxlan", name: device, marks, timeoutSeconds: limitSeconds },
    ...(destinations.length === 0
      ? []
      : [{ op: "awaitRoutes", device, destinations, timeoutSeconds: limitSeconds } as const]),
  ];
}
