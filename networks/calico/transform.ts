import { networkLabel } from "../../crds/names.ts";
import type { Container, DaemonSet, EnvVar } from "../../kube/objects.ts";
import type { UnknownObject } from "../../kube/types.ts";
import type { PlanContext } from "../contract.ts";
import { familiesOf } from "../overlays.ts";
import {
  allContainersOf,
  configMapKeyOf,
  containerNamed,
  envOf,
  holdTo,
  podSpecOf,
  redirectHostPath,
} from "../workloads.ts";
import { takeBothFamilies } from "./dual-stack.ts";
import { agentsIn } from "./manifests.ts";

const addressMethod = { IP_AUTODETECTION_METHOD: "kubernetes-internal-ip" };

/** Literal settings of calico-node for ever: the pool is made ahead; with none of a family it would make one of its own. */
const lastingSettings: Record<string, string> = { NO_DEFAULT_POOLS: "true" };

/** And while two networks share the overlay; each says what it is for. */
const agentSettings: Record<string, string> = {
  // The address peers send to already (preflight compares), whatever other interfaces the node has.
  IP: "autodetect",
  ...addressMethod,
  ...lastingSettings,
  // Asked on the node: the sooner way to know that Felix is up.
  FELIX_HEALTHENABLED: "true",
};

/**
 * For the time of the migration. upgrade-ipam: there are no addresses of an earlier Calico to convert, and when it finds old
 * files it locks the datastore of the whole cluster. mount-bpffs, later named ebpf-bootstrap: only the eBPF dataplane, which is refused, needs its mounts, and
 * no task of ours could take them off the node again on the way back.
 */
const droppedInitContainers = ["upgrade-ipam", "mount-bpffs", "ebpf-bootstrap"];

/** Variables that would make a pool, or stand above what FelixConfiguration says of the overlay. */
const droppedSettings = /^(CALICO_IPV[46]POOL_.*|FELIX_VXLAN(VNI|PORT|ENABLED))$/;

/** Fields of FelixConfiguration that are written by the migration. */
const preparedFields = ["vxlanVNI", "vxlanPort", "vxlanMTU", "vxlanMTUV6", "vxlanEnabled"];

/**
 * The user's manifests as they are applied for the migration. The agent runs only on nodes of this network and is restarted
 * by nothing but the label; backend VXLAN with the overlay's MTU; nothing makes a pool.
 * Objects that are prepared otherwise (pools, IPAM settings) are left out. All else stays as it is.
 * The final form keeps what the overlay goes on with (backend, MTU, directories, no pool of its own making) and the address of
 * each node, and is the user's own in all else.
 */
export function transformManifests(
  objects: readonly UnknownObject[],
  context: PlanContext,
  form?: "final",
): UnknownObject[] {
  const kept = objects
    .filter((o) => !["IPPool", "IPAMConfig", "IPAMConfiguration"].includes(o.kind))
    .map((o) => structuredClone(o));
  for (const agent of agentsIn(kept)) {
    shareOverlay(agent, kept, context);
    if (form === "final") keepAddress(agent);
    else holdForMigration(agent);
    if (familiesOf(context.overlay).includes(6)) takeBothFamilies(agent, kept);
  }
  for (const object of kept) if (object.kind === "FelixConfiguration") withoutPrepared(object);
  return kept;
}

/** What is for the time of the migration only. */
function holdForMigration(agent: DaemonSet): void {
  holdTo(agent, { [networkLabel]: "calico" });
  const spec = podSpecOf(agent);
  if (spec.initContainers !== undefined)
    spec.initContainers = spec.initContainers.filter((c) => !droppedInitContainers.includes(c.name));
  const node = containerNamed(agent, "calico-node");
  if (node !== undefined) for (const [name, value] of Object.entries(agentSettings)) setLiteral(node, name, value);
}

/** Where the user asks for no other, the way each node's address was found stays: another one could choose another address. */
function keepAddress(agent: DaemonSet): void {
  const node = containerNamed(agent, "calico-node");
  if (node === undefined) return;
  const settings: Record<string, string> = envOf(node, "IP_AUTODETECTION_METHOD") === undefined ? addressMethod : {};
  for (const [name, value] of Object.entries({ ...settings, ...lastingSettings })) setLiteral(node, name, value);
}

function shareOverlay(agent: DaemonSet, objects: readonly UnknownObject[], context: PlanContext): void {
  const { overlay, source } = context;
  redirectHostPath(agent, "/host/etc/cni/net.d", source.cniConfDir);
  redirectHostPath(agent, "/host/opt/cni/bin", source.cniBinDir);
  for (const container of allContainersOf(agent)) {
    if (container.env !== undefined) container.env = container.env.filter((e) => !droppedSettings.test(e.name));
    setWhereSet(container, "CALICO_NETWORKING_BACKEND", "vxlan", objects);
    // 0 lets Felix and the plugin find the MTU out; an MTU not known yet comes with FelixConfiguration, below a variable.
    if (overlay.mtu === 0) container.env = container.env?.filter((e) => e.name !== "FELIX_VXLANMTU") ?? [];
    else for (const name of ["FELIX_VXLANMTU", "CNI_MTU"]) setWhereSet(container, name, String(overlay.mtu), objects);
  }
  const node = containerNamed(agent, "calico-node");
  if (node === undefined) return;
  if (envOf(node, "CALICO_NETWORKING_BACKEND") === undefined) setLiteral(node, "CALICO_NETWORKING_BACKEND", "vxlan");
  withoutBird(node);
}

/** Changes a variable where the container has it: the literal, or the ConfigMap's key. */
function setWhereSet(container: Container, name: string, value: string, objects: readonly UnknownObject[]): void {
  const env = envOf(container, name);
  if (env === undefined) return;
  const ref = configMapKeyOf(env);
  const data = objects.find((o) => o.kind === "ConfigMap" && o.metadata.name === ref?.name)?.data;
  if (ref === undefined || data === undefined) setLiteral(container, name, value);
  else (data as Record<string, string>)[ref.key] = value;
}

/** Sets a literal in its place, or at the end when the container does not have the variable. */
function setLiteral(container: Container, name: string, value: string): void {
  const wanted: EnvVar = { name, value };
  const env = container.env ?? [];
  const index = env.findIndex((e) => e.name === name);
  container.env = index === -1 ? [...env, wanted] : env.map((e, i) => (i === index ? wanted : e));
}

/** Probes of the BGP daemon, which the VXLAN backend does not start. */
function withoutBird(container: Container): void {
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
    const exec = probe?.exec as { command?: string[] } | undefined;
    if (exec?.command !== undefined)
      exec.command = exec.command.filter((word) => !/^--?bird6?-(live|ready)$/.test(word));
  }
}

function withoutPrepared(object: UnknownObject): void {
  const spec = object.spec;
  if (typeof spec !== "object" || spec === null) return;
  for (const field of preparedFields) delete (spec as Record<string, unknown>)[field];
}
