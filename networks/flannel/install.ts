import type { ConfigMap, Container, DaemonSet } from "../../kube/objects.ts";
import { daemonSets } from "../../kube/resources.ts";
import type { Candidate } from "../choose.ts";
import type { ClusterSnapshot, Overrides } from "../contract.ts";
import { nameOf } from "../objects.ts";
import { allContainersOf, configMapFileOf, configMapKeyOf, containersOf, envOf, flagOf } from "../workloads.ts";
import { flannel, isAgent, isInOther } from "./facts.ts";

/** net-conf.json with its keys in lower case: flannel does not tell them apart. Values as they stand. */
export interface NetConf {
  network?: unknown;
  ipv6network?: unknown;
  enableipv4?: unknown;
  enableipv6?: unknown;
  backend?: Record<string, unknown>;
}

/** A running flannel: its DaemonSets, the settings of its agent, its configuration. */
export interface Install {
  daemonSets: readonly DaemonSet[];
  /** The DaemonSet whose settings count: the first that has pods, else the first. */
  leading: DaemonSet;
  container: Container;
  netConf: NetConf | undefined;
  /** Where the configuration is, or why it could not be read. */
  netConfFrom: string;
  /** Name in cni-conf.json. */
  cniName: string | undefined;
  configMaps: readonly ConfigMap[];
}

/** The DaemonSet the user named, or all that look like flannel's. */
export function agentsOf(snapshot: ClusterSnapshot, overrides: Overrides): DaemonSet[] {
  const named = overrides.daemonSet;
  return snapshot
    .list(daemonSets)
    .filter((ds) =>
      named === undefined
        ? isAgent(ds)
        : ds.metadata.name === named.name && ds.metadata.namespace === named.namespace && !isInOther(ds),
    );
}

export function readInstall(configMaps: readonly ConfigMap[], agents: readonly [DaemonSet, ...DaemonSet[]]): Install {
  const leading = agents.find((ds) => (ds.status?.desiredNumberScheduled ?? 0) > 0) ?? agents[0];
  const containers = containersOf(leading);
  const container = containers.find((c) => c.name === "kube-flannel") ?? containers[0] ?? { name: "" };
  const found = { daemonSets: agents, leading, container, configMaps };
  return { ...found, ...readNetConf(found), cniName: readCniName(found) };
}

/** An option of flanneld: a flag, else its environment variable (FLANNELD_IP_MASQ), also one taken from a ConfigMap. */
export function optionOf(install: Agent, name: string): Candidate<string> {
  const { leading, container } = install;
  const flag = flagOf(container, name);
  if (flag !== undefined) return { value: flag, from: `daemonset ${nameOf(leading)}, --${name}` };
  const variable = `FLANNELD_${name.toUpperCase().replaceAll("-", "_")}`;
  const env = envOf(container, variable);
  const ref = configMapKeyOf(env);
  if (ref === undefined) return { value: env?.value, from: `daemonset ${nameOf(leading)}, ${variable}` };
  const value = configMapOf(install, ref.name)?.data?.[ref.key];
  return { value, from: `configmap ${leading.metadata.namespace}/${ref.name}, ${ref.key}` };
}

/** As much of an install as is known before its configuration is read. */
type Agent = Pick<Install, "leading" | "container" | "configMaps">;

function readNetConf(agent: Agent): Pick<Install, "netConf" | "netConfFrom"> {
  const path = flagOf(agent.container, "net-config-path") ?? flannel.netConfPath;
  const file = configMapFileOf(agent.leading, agent.container, path);
  if (file === undefined) return { netConf: undefined, netConfFrom: `${path} is not in a ConfigMap its pods mount` };
  const place = `configmap ${agent.leading.metadata.namespace}/${file.name}`;
  const configMap = configMapOf(agent, file.name);
  if (configMap === undefined) return { netConf: undefined, netConfFrom: `${place} does not exist` };
  const conf = objectOf(configMap.data?.[file.key]);
  if (conf === undefined) return { netConf: undefined, netConfFrom: `${place} has no JSON object under ${file.key}` };
  return { netConf: conf, netConfFrom: `${place}, ${file.key}` };
}

/** cni-conf.json is copied to the node by an init container. */
function readCniName(agent: Agent): string | undefined {
  const [file] = allContainersOf(agent.leading).flatMap(
    (c) => configMapFileOf(agent.leading, c, flannel.cniConfPath) ?? [],
  );
  const conf = file === undefined ? undefined : objectOf(configMapOf(agent, file.name)?.data?.[file.key]);
  return typeof conf?.name === "string" ? conf.name : undefined;
}

function configMapOf({ configMaps, leading }: Agent, name: string): ConfigMap | undefined {
  return configMaps.find((c) => c.metadata.name === name && c.metadata.namespace === leading.metadata.namespace);
}

/** A JSON object with keys in lower case, those of `Backend` included; undefined for anything else. */
function objectOf(text: string | undefined): (NetConf & Record<string, unknown>) | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return lowerKeys(value);
  } catch {
    return undefined;
  }
}

function lowerKeys(value: unknown): Record<string, unknown> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key.toLowerCase(), lowerKeys(v) ?? v]));
}
