import type { CniMigration } from "../../crds/index.ts";
import { apiVersion } from "../../crds/names.ts";
import type { ObjectKey, UnknownObject } from "../../kube/types.ts";
import type { Network } from "../../networks/contract.ts";
import { planNodes } from "../../networks/nodes.ts";
import { configMapsToRead } from "../../networks/snapshot.ts";
import { mountedConfigMaps } from "../../networks/workloads.ts";
import { type Difference, difference } from "../finalize/difference.ts";
import { identityOf, sameObject } from "../finalize/record.ts";
import type { ClusterFacts } from "../plan/gather.ts";
import { overlayOf } from "../plan/second.ts";
import { namedAgents } from "../request/overrides.ts";
import type { MigrationRequest } from "../request/request.ts";
import { podDeletionRole } from "./pod-deletion.ts";
import { migrationRoles, withRulesOf } from "./roles.ts";

/** Everything `start` sends, in three parts, in this order, and what `finalize` does to the first. */
export interface StartObjects {
  /** The target's own manifests as they are to be for the time of the migration. */
  manifests: UnknownObject[];
  /** The controller's rights for this one migration. */
  roles: UnknownObject[];
  migration: CniMigration;
  /** Of the manifests that are to be otherwise in the end: what makes their final form of them. */
  finals: { object: UnknownObject; change: Difference }[];
}

/** Pure. The source was found; `existing` are the roles that are in the cluster under names of the manifests. */
export function startObjects(
  name: string,
  request: MigrationRequest,
  source: NonNullable<ClusterFacts["source"]>,
  { target, snapshot }: ClusterFacts,
  existing: readonly UnknownObject[],
): StartObjects {
  const agent = target.agentOf(request.manifests);
  const { second: beside } = source;
  const second = beside === undefined ? undefined : overlayOf(beside, source.facts);
  const context = {
    migration: name,
    source: source.facts,
    target: { network: target.id, agent },
    overlay: source.facts.overlay,
    ...(second === undefined ? {} : { second }),
    nodes: planNodes(snapshot),
  };
  const own = target.transformManifests(request.manifests, context);
  const manifests = own.map((object) => withRulesOf(existing, object));
  const finalForms = target.transformManifests(request.manifests, context, "final");
  const configMaps = [
    ...configMapsToRead(snapshot, namedAgents(request.spec)),
    ...ownConfigMaps(target, agent.namespace, manifests),
  ];
  return {
    manifests,
    finals: manifests.flatMap((object) => finalOf(object, finalForms)),
    roles: [...migrationRoles(name, [source.facts.agent, agent], configMaps), ...podDeletionRole(name, request.spec)],
    migration: {
      apiVersion,
      kind: "CniMigration",
      metadata: { name },
      // Networks that play these parts are those the schema names.
      spec: {
        ...request.spec,
        ...(second === undefined ? {} : { cidr: second.cidrs.join(",") }),
        source: source.network.id,
        target: target.id,
      } as CniMigration["spec"],
    },
  };
}

/** What makes its final form of an object; none when that is the form it has. */
function finalOf(object: UnknownObject, forms: readonly UnknownObject[]): StartObjects["finals"] {
  const form = forms.find((other) => sameObject(identityOf(other), identityOf(object)));
  const change = form === undefined ? undefined : difference(object, form);
  return change === undefined ? [] : [{ object, change }];
}

/** What detection reads of the target once it is installed: as of a source (networks/snapshot.ts, configMapsToRead). */
function ownConfigMaps(
  network: Network,
  agentNamespace: string,
  manifests: readonly UnknownObject[],
): Required<ObjectKey>[] {
  const mounted = manifests.filter((o) => o.kind === "DaemonSet" && network.isAgent(o)).flatMap(mountedConfigMaps);
  const known = network.configMaps.map(({ namespace, name }) => ({
    namespace: namespace === "" ? agentNamespace : namespace,
    name,
  }));
  return [...known, ...mounted.map((name) => ({ namespace: agentNamespace, name }))];
}
