import type { Pod, Service } from "../../kube/objects.ts";
import type { ClusterIndex } from "./cluster.ts";
import {
  byName,
  controllerOf,
  createdAtMs,
  hasRestarted,
  isFinished,
  isReady,
  isTerminating,
  podName,
  readyChangedAtMs,
  uidOf,
  whyNotReady,
} from "./pods.ts";

/**
 * The replica rule: of the pods of one owner, and of the pods behind one Service, never more than one that is Ready is on
 * its way out at a time, on whatever nodes they are; the next may go when as many are Ready again as there should be.
 * PodDisruptionBudgets come on top of it. Judged from what the cluster shows now; nothing is remembered.
 */

/**
 * How long before the drain a pod without restarts may have been made, or lost its readiness, and still be waited for: it
 * is likely the replacement of a pod of the node before, or a roll-out under way. Older ones, and those in a crash loop
 * from before, will not become Ready by being waited for.
 */
const settlingMs = 10 * 60 * 1000;

/** Owners that make no pod anew elsewhere, or of which nobody waits for a next one. */
const ungrouped = new Set(["DaemonSet", "Job", "Node"]);

export interface RuleContext {
  index: ClusterIndex;
  /** When the earliest of the nodes now draining began. Milliseconds since 1970. */
  sinceMs: number;
  /** UIDs of pods whose eviction was accepted, or may have been, and that the view still shows as if nothing were. */
  claimed: ReadonlySet<string>;
}

export interface Plan {
  /** May be evicted now, all at the same time. */
  go: Pod[];
  /** By UID: what the pod waits for. */
  held: Map<string, string>;
}

/**
 * Which of the `candidates` (evictable pods of one node, none of them on its way out) may go now. `others`: evictable Ready
 * pods on further nodes that drain at the same time. Pods that are not Ready do no work: they go freely, except that one
 * which was broken before waits for its Ready fellows, because its replacement, broken too, would hold them up.
 */
export function planEvictions(candidates: readonly Pod[], others: readonly Pod[], context: RuleContext): Plan {
  const plan: Plan = { go: [], held: new Map() };
  const waits = new Map<string, string | undefined>();
  const sorted = [...candidates].sort(byName);
  for (const pod of sorted.filter(isReady)) {
    const groups = groupsOf(pod, context.index);
    const wait = firstOf(groups, (group) => {
      if (!waits.has(group.key)) waits.set(group.key, group.wait(context));
      return waits.get(group.key);
    });
    if (wait !== undefined) {
      plan.held.set(uidOf(pod), wait);
      continue;
    }
    plan.go.push(pod);
    for (const group of groups) waits.set(group.key, `waits for the replacement of ${podName(pod)}`);
  }
  const staying = new Set(
    [...sorted.filter((pod) => plan.held.has(uidOf(pod))), ...others].flatMap((pod) =>
      groupsOf(pod, context.index).map((group) => group.key),
    ),
  );
  for (const pod of sorted.filter((p) => !isReady(p))) {
    const fellows = groupsOf(pod, context.index).find((group) => staying.has(group.key));
    if (fellows === undefined || isOut(pod, context)) plan.go.push(pod);
    else plan.held.set(uidOf(pod), `was not Ready before the drain; goes after the Ready pods of ${fellows.label}`);
  }
  return plan;
}

export interface Group {
  key: string;
  /** "ReplicaSet shop/web-5d9", "Service shop/web". */
  label: string;
  members(index: ClusterIndex): Pod[];
  /** Why the next Ready pod of the group must wait; undefined when it need not. */
  wait(context: RuleContext): string | undefined;
}

/** Whom a pod shares its work with: the pods of its owner, and those behind each of its Services. */
export function groupsOf(pod: Pod, index: ClusterIndex): Group[] {
  const owner = controllerOf(pod);
  const namespace = pod.metadata.namespace ?? "";
  const services = index.servicesOf(pod).map(serviceGroup);
  if (owner === undefined || ungrouped.has(owner.kind)) return services;
  return [ownerGroup(namespace, owner), ...services];
}

function ownerGroup(namespace: string, owner: { kind: string; name: string; uid: string }): Group {
  const label = `${owner.kind} ${namespace}/${owner.name}`;
  return {
    key: `owner ${owner.uid}`,
    label,
    members: (index) => index.podsOfOwner(owner.uid),
    wait: (context) => {
      const members = context.index.podsOfOwner(owner.uid).sort(byName);
      return missing(label, context.index.replicas(owner.uid), members, context) ?? unready(members, context);
    },
  };
}

function serviceGroup(service: Service): Group {
  const namespace = service.metadata.namespace ?? "";
  const label = `Service ${namespace}/${service.metadata.name}`;
  return {
    key: `service ${namespace}/${service.metadata.name}`,
    label,
    members: (index) => index.podsOfService(service),
    wait: (context) => {
      const members = context.index.podsOfService(service).sort(byName);
      const wait = firstOf(ownersOf(members), ({ owner, pods }) => {
        if (owner === undefined) return missing("", undefined, pods, context);
        const all = context.index.podsOfOwner(owner.uid).sort(byName);
        return missing(`${owner.kind} ${namespace}/${owner.name}`, context.index.replicas(owner.uid), all, context);
      });
      const reason = wait ?? unready(members, context);
      return reason === undefined ? undefined : `${reason} (of ${label})`;
    },
  };
}

/**
 * Pods the owner should have and has not. Where the wanted number is known, a pod on its way out counts until its
 * replacement exists, and no longer: a slow end of the old one holds nobody up. Where it is not known, it counts until it
 * is gone.
 */
function missing(
  label: string,
  wanted: number | undefined,
  members: readonly Pod[],
  { claimed }: RuleContext,
): string | undefined {
  const leaving = members.filter((pod) => (isTerminating(pod) || claimed.has(uidOf(pod))) && !isFinished(pod));
  if (wanted === undefined) return leaving[0] === undefined ? undefined : `waits until ${podName(leaving[0])} is gone`;
  const live = members.filter((pod) => !isTerminating(pod) && !claimed.has(uidOf(pod)) && !isFinished(pod)).length;
  if (live >= wanted) return undefined;
  if (leaving[0] !== undefined) return `waits for the replacement of ${podName(leaving[0])}`;
  return `waits until ${label} has ${wanted} pods; it has ${live}`;
}

function unready(members: readonly Pod[], context: RuleContext): string | undefined {
  const out = members.find((pod) => isOut(pod, context));
  if (out === undefined) return undefined;
  const why = whyNotReady(out);
  return `waits until ${podName(out)} is Ready${why === undefined ? "" : ` (${why})`}`;
}

/** Not Ready, and not since long before the drain: a replacement on its way, or one that the drain may have hurt. */
function isOut(pod: Pod, { sinceMs, claimed }: RuleContext): boolean {
  if (isReady(pod) || isFinished(pod) || isTerminating(pod) || claimed.has(uidOf(pod))) return false;
  if (createdAtMs(pod) >= sinceMs) return true;
  return !hasRestarted(pod) && readyChangedAtMs(pod) >= sinceMs - settlingMs;
}

function ownersOf(pods: readonly Pod[]): { owner: ReturnType<typeof controllerOf>; pods: Pod[] }[] {
  const owners = new Map<string, { owner: ReturnType<typeof controllerOf>; pods: Pod[] }>();
  for (const pod of pods) {
    const owner = controllerOf(pod);
    const known = owners.get(owner?.uid ?? "");
    if (known === undefined) owners.set(owner?.uid ?? "", { owner, pods: [pod] });
    else known.pods.push(pod);
  }
  return [...owners.values()];
}

function firstOf<T, R>(items: readonly T[], ask: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const answer = ask(item);
    if (answer !== undefined) return answer;
  }
  return undefined;
}
