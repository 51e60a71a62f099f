import { crdObjects } from "../../crds/index.ts";
import { managedBy, managedByLabel } from "../../crds/names.ts";
import type { UnknownObject } from "../../kube/types.ts";
import type { Network } from "../../networks/contract.ts";
import { type ControllerSettings, deploymentObject, namespaceObject, probeServiceObject } from "./deployment.ts";
import { rbacObjects } from "./rbac.ts";

/** Everything `install` puts into a cluster, in the order it is sent; `uninstall` goes the other way. Pure. */
export function installObjects(settings: ControllerSettings, networks: readonly Network[]): UnknownObject[] {
  return [
    ...crdObjects.map(labelled),
    namespaceObject(),
    ...rbacObjects(networks),
    probeServiceObject(),
    deploymentObject(settings),
  ];
}

function labelled(crd: UnknownObject): UnknownObject {
  const { labels, ...metadata } = crd.metadata;
  return { ...crd, metadata: { ...metadata, labels: { ...labels, [managedByLabel]: managedBy } } };
}
