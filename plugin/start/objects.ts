import type { CniMigration } from "../../crds/index.ts";
import { apiVersion } from "../../crds/names.ts";
import type { ObjectKey, UnknownObject } from "../../kube/types.ts";
import type { Network } from "../../networks/contract.ts";
import { planNodes } from "../../networks/nodes.ts";
import { configMapsToRead } from "../../networks/snapshot.ts";
import type { ClusterFacts } from "../plan/gather.ts";
import { namedAgents } from "../request/overrides.ts";
import type { MigrationRequest } from "../request/request.ts";
import { migrationRoles } from "./roles.ts";

/** Everything `start` sends, in three parts, in this order. */
export interface StartObjects {
  /** The target's own manifests as they are to be for the time of the migration. */
  manifests: UnknownObject[];
  /** The controller's rights for this one migration. */
  roles: UnknownObject[];
  migration: CniMigration;
}

/** Pure. The source was found. */
export function startObjects(
  name: string,
  request: MigrationRequest,
  source: NonNullable<ClusterFacts["source"]>,
  { target, snapshot }: ClusterFacts,
): StartObjects {
  const agent = target.agentOf(request.manifests);
  const manifests = target.transformManifests(request.manifests, {
    migration: name,
    source: source.facts,
    target: { network: target.id, agent },
    overlay: source.facts.overlay,
    nodes: planNodes(snapshot),
  });
  const configMaps = [
    ...configMapsToRead(snapshot, namedAgents(request.spec)),
    ...ownConfigMaps(target, agent.namespace),
  ];
  return {
    manifests,
    roles: migrationRoles(name, [source.facts.agent, agent], configMaps),
    migration: {
      apiVersion,
      kind: "CniMigration",
      metadata: { name },
      // Networks that play these parts are those the schema names.
      spec: { ...request.spec, source: source.network.id, target: target.id } as CniMigration["spec"],
    },
  };
}

function ownConfigMaps(network: Network, agentNamespace: string): Required<ObjectKey>[] {
  return network.configMaps.map(({ namespace, name }) => ({
    namespace: namespace === "" ? agentNamespace : namespace,
    name,
  }));
}
