import type { Container, DaemonSet } from "../../kube/objects.ts";
import type { UnknownObject } from "../../kube/types.ts";
import type { AgentRef, Finding, NetworkFacts } from "../contract.ts";
import { checkDirectories } from "../directories.ts";
import { blocker, warning, when } from "../findings.ts";
import { checkKinds } from "../manifests.ts";
import { groupOf, nameOf, placeOf } from "../objects.ts";
import { agentRefOf, allContainersOf, containerNamed, flagOf, hostPathOf, podSpecOf, wordsOf } from "../workloads.ts";
import { checkSettings } from "./check-settings.ts";
import { agentsIn, cilium } from "./facts.ts";
import { nodeSettings } from "./node-config.ts";

const whole = "the given manifests";
const render = `render the chart as it comes: helm template cilium cilium/cilium --version ${cilium.chart}.0 -n kube-system -f VALUES`;
const unusable = (what: string, where: string, cure: string) => blocker("ManifestsUnusable", what, where, cure);

/**
 * Whether the objects install a Cilium that can stand beside another network and be switched on node by node: see contract.ts.
 * What the chart gives with its own values passes.
 */
export function checkManifests(objects: readonly UnknownObject[], source?: NetworkFacts): Finding[] {
  const [agent, ...more] = agentsIn(objects);
  if (agent === undefined) {
    const what = objects.length === 0 ? "there is nothing in them" : "no DaemonSet that runs cilium-agent";
    return [unusable(`these are not Cilium's manifests: ${what}`, whole, render)];
  }
  if (more.length > 0) {
    const names = [agent, ...more].map(nameOf).join(", ");
    return [unusable(`${more.length + 1} DaemonSets run cilium-agent: ${names}`, whole, "give one install only")];
  }
  const helms = objects.filter(isHelms);
  const others = objects.filter((o) => !helms.includes(o));
  return [
    ...helms.map(helmFinding),
    ...checkKinds(others, cilium.groups),
    ...checkOwnKinds(others),
    ...checkKeys(others),
    ...checkAgent(agent),
    ...checkSettings(objects, agent, source),
  ];
}

export function agentOf(objects: readonly UnknownObject[]): AgentRef {
  return agentRefOf(agentsIn(objects));
}

function isHook({ metadata }: UnknownObject): boolean {
  return metadata.annotations?.["helm.sh/hook"] !== undefined;
}

/** What is not an object of Cilium but of Helm: its hooks, and what it keeps of a release. */
function isHelms(object: UnknownObject): boolean {
  const isRelease = object.type === "helm.sh/release.v1" || object.metadata.name.startsWith("sh.helm.release.");
  return isHook(object) || (object.kind === "Secret" && isRelease);
}

function helmFinding(object: UnknownObject): Finding {
  return isHook(object)
    ? unusable(
        "it is a hook, which Helm alone knows when to run",
        placeOf(object),
        "render with helm template --no-hooks; where the hook makes certificates, with hubble.tls.auto.method=helm or hubble.enabled=false",
      )
    : unusable(
        "it is Helm's own record of a release",
        placeOf(object),
        "give what helm template writes, not what is in the cluster",
      );
}

/** Objects of definitions that the operator makes when it runs, unless they are in the manifests, too. */
function checkOwnKinds(objects: readonly UnknownObject[]): Finding[] {
  const brings = (group: string) =>
    objects.some((o) => o.kind === "CustomResourceDefinition" && o.metadata.name.endsWith(`.${group}`));
  const own = objects.filter(({ apiVersion }) =>
    cilium.groups.some((group) => group === groupOf(apiVersion) && !brings(group)),
  );
  return when(
    own.length > 0,
    unusable(
      `they hold objects of Cilium's own kinds, which the API server does not know before its operator runs: ${own.slice(0, 3).map(placeOf).join(", ")}`,
      whole,
      "leave them out and apply them afterwards; a CiliumNodeConfig that switches nodes is the migration's own work",
    ),
  );
}

/** The chart makes a certificate authority of its own on each render. */
function checkKeys(objects: readonly UnknownObject[]): Finding[] {
  const keys = objects.filter((o) => o.kind === "Secret").map(nameOf);
  return when(
    keys.length > 0,
    warning(
      "ManifestsUnusable",
      `they hold private keys (${keys.map((name) => `secret ${name}`).join(", ")}), which each helm template makes anew`,
      whole,
      "render once and keep the file as safe as a key, or render with hubble.enabled=false",
    ),
  );
}

function checkAgent(agent: DaemonSet): Finding[] {
  const where = placeOf(agent);
  const builder = (podSpecOf(agent).initContainers ?? []).find((c) => wordsOf(c).includes("build-config"));
  const version = versionOf(containerNamed(agent, "cilium-agent"));
  const writesByScript = allContainersOf(agent).some((c) => JSON.stringify(c).includes("/cni-install.sh"));
  if (isOld(version) || writesByScript)
    return [
      unusable(
        `Cilium ${version?.join(".") ?? "before 1.14"} has no CiliumNodeConfig that switches single nodes (${cilium.oldest.join(".")} is the first)`,
        where,
        `render a newer chart, such as ${cilium.chart}`,
      ),
    ];
  if (builder === undefined)
    return [
      unusable(
        "its settings come from the ConfigMap alone: no init container runs build-config, which reads CiliumNodeConfig",
        where,
        `leave daemon.configSources out, and render a chart from ${cilium.oldest.join(".")} on`,
      ),
    ];
  const dirs = {
    cniConfDir: hostPathOf(agent, cilium.confMount) ?? "",
    cniBinDir: hostPathOf(agent, "/host/opt/cni/bin") ?? "",
  };
  return [...checkSources(builder, where), ...checkDirectories(dirs, where)];
}

/** [1, 18] of "quay.io/cilium/cilium:v1.18.0@sha256:..."; undefined where the image's tag says nothing. */
function versionOf(container: Container | undefined): [number, number] | undefined {
  const match = /:v?(\d+)\.(\d+)(\.|-|@|$)/.exec(container?.image ?? "");
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

function isOld(version: [number, number] | undefined): boolean {
  const [major, minor] = cilium.oldest;
  return version !== undefined && (version[0] < major || (version[0] === major && version[1] < minor));
}

/** What keeps an agent from taking a node's own settings: it then runs on without a word. */
function checkSources(builder: Container, where: string): Finding[] {
  const needed = Object.keys(nodeSettings);
  const listOf = (flag: string) => flagOf(builder, flag)?.split(",");
  const [sources, allowed, denied] = [listOf("source"), listOf("allow-config-keys"), listOf("deny-config-keys")];
  const notAllowed = allowed === undefined ? [] : needed.filter((key) => !allowed.includes(key));
  const blocked = allowed === undefined ? needed.filter((key) => denied?.includes(key)) : [];
  return [
    ...when(
      sources !== undefined && !sources.some((source) => source.startsWith("cilium-node-config")),
      unusable(
        `daemon.configSources is ${sources?.join(",")}: agents do not read CiliumNodeConfig`,
        where,
        "leave daemon.configSources out",
      ),
    ),
    ...when(
      notAllowed.length > 0,
      unusable(
        `daemon.allowedConfigOverrides keeps CiliumNodeConfig from setting ${notAllowed.join(", ")}`,
        where,
        "leave daemon.allowedConfigOverrides out, or add these keys",
      ),
    ),
    ...when(
      blocked.length > 0,
      unusable(
        `daemon.blockedConfigOverrides keeps CiliumNodeConfig from setting ${blocked.join(", ")}`,
        where,
        "leave these keys out of daemon.blockedConfigOverrides",
      ),
    ),
  ];
}
