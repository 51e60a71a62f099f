import type { DaemonSet } from "../../kube/objects.ts";
import { configMaps, daemonSets } from "../../kube/resources.ts";
import type { ClusterSnapshot, Detection, NetworkFacts, Overrides, PlanNode, Vtep } from "../contract.ts";
import { defaultDirs } from "../directories.ts";
import { blocker, nodesAt } from "../findings.ts";
import { isWindows, planNodes } from "../nodes.ts";
import { agentRefOf, containerNamed } from "../workloads.ts";
import { checkSource } from "./checks.ts";
import { flannel } from "./facts.ts";
import { agentsOf, readInstall } from "./install.ts";
import { readSettings } from "./settings.ts";
import { vtepOf } from "./vtep.ts";

/** Finds flannel by its DaemonSet; without one, by what it wrote on the nodes. See contract.ts. */
export function detect(snapshot: ClusterSnapshot, overrides: Overrides): Detection {
  const nodes = planNodes(snapshot).filter((node) => !isWindows(node));
  const [first, ...others] = agentsOf(snapshot, overrides);
  if (first !== undefined) return detectInstalled(snapshot, overrides, nodes, [first, ...others]);
  if (overrides.daemonSet !== undefined) return missing(overrides.daemonSet);
  // Where flanneld runs inside another network's pod, the marks on the nodes are that network's.
  const inOther = snapshot.list(daemonSets).some((ds) => containerNamed(ds, "kube-flannel") !== undefined);
  return inOther ? { state: "absent" } : detectEmbedded(nodes);
}

/** What a flanneld of these DaemonSets runs with, whatever runs beside it in their pods. */
export function detectInstalled(
  snapshot: ClusterSnapshot,
  overrides: Overrides,
  nodes: readonly PlanNode[],
  agents: readonly [DaemonSet, ...DaemonSet[]],
): Detection {
  const install = readInstall(snapshot.list(configMaps), agents);
  const settings = readSettings({ snapshot, install, nodes, overrides });
  const vteps = vtepsOf(nodes, settings.annotationPrefix);
  const { overlay, cniConfDir, cniBinDir, detected } = settings;
  const facts = {
    network: "flannel",
    agent: agentRefOf(agents),
    overlay,
    vteps,
    cniConfDir,
    cniBinDir,
    detected,
  } as const;
  return { state: "found", facts, findings: checkSource({ snapshot, install, settings, nodes, vteps }) };
}

function vtepsOf(nodes: readonly PlanNode[], prefix: string): Record<string, Vtep> {
  const known = nodes.map((node): [string, Vtep | undefined] => [node.name, vtepOf(node, prefix)]);
  return Object.fromEntries(known.filter((entry): entry is [string, Vtep] => entry[1] !== undefined));
}

/** flannel marks its nodes, under any prefix; marks without a DaemonSet mean one built into the distribution, or left over. */
function detectEmbedded(nodes: readonly PlanNode[]): Detection {
  const marked = nodes.filter((node) =>
    Object.entries(node.annotations).some(([key, value]) => key.endsWith("kube-subnet-manager") && value === "true"),
  );
  if (marked.length === 0) return { state: "absent" };
  return {
    state: "found",
    facts: noFacts(),
    findings: [
      blocker(
        "EmbeddedFlannel",
        "flannel runs or ran there without a DaemonSet: it is part of the distribution (k3s has it so) or was removed",
        nodesAt(marked),
        "install flannel as a DaemonSet and turn the built-in one off, or take its annotations off the nodes",
      ),
    ],
  };
}

function missing(named: { namespace: string; name: string }): Detection {
  const finding = blocker(
    "SourceNotFound",
    "spec.flannel.daemonSet names a DaemonSet that does not exist",
    `daemonset ${named.namespace}/${named.name}`,
    "correct it, or leave it out: flannel is found by itself in any namespace",
  );
  return { state: "found", facts: noFacts(), findings: [finding] };
}

function noFacts(): NetworkFacts {
  return {
    network: "flannel",
    agent: agentRefOf([]),
    overlay: {
      encapsulation: "other",
      vni: flannel.vni,
      port: flannel.port,
      mtu: 0,
      cidrs: [],
      subnetLen: 0,
      masquerade: false,
    },
    vteps: {},
    cniConfDir: defaultDirs.conf,
    cniBinDir: defaultDirs.bin,
    detected: [],
  };
}
