import { describe, expect, it } from "vitest";
import type { KubeObject } from "../kube/types.ts";
import {
  agentRefOf,
  configMapFileOf,
  flagOf,
  hostPathOf,
  mountedConfigMaps,
  redirectHostPath,
  wordsOf,
} from "./workloads.ts";

function daemonSet(spec: unknown, labels: Record<string, string> = {}, name = "agent"): KubeObject {
  const object = { apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name, namespace: "net" } };
  return { ...object, spec: { template: { metadata: { labels }, spec } } } as KubeObject;
}

describe("networks/workloads", () => {
  it.each([
    [["--iface=eth0"], "iface", "eth0"],
    [["-iface", "eth0"], "iface", "eth0"],
    [["--ip-masq", "--iface=x"], "ip-masq", ""],
    [["--ip-masq"], "ip-masq", ""],
    [["--iface="], "iface", ""],
    [["--public-ip=a=b"], "public-ip", "a=b"],
    [["--iface-regex=x"], "iface", undefined],
  ])("%j: %s is %j", (args, name, value) => {
    expect(flagOf({ name: "c", args }, name)).toBe(value);
  });

  it("takes shell lines apart", () => {
    expect(wordsOf({ name: "c", command: ["sh", "-c"], args: ["exec  agent -v=1\n"] })).toEqual([
      "sh",
      "-c",
      "exec",
      "agent",
      "-v=1",
    ]);
  });

  const spec = () => ({
    initContainers: [{ name: "i", volumeMounts: [{ name: "bin", mountPath: "/opt/cni/bin/" }] }],
    containers: [{ name: "c", volumeMounts: [{ name: "conf", mountPath: "/etc/agent" }] }],
    volumes: [
      { name: "bin", hostPath: { path: "/usr/lib/cni/" } },
      { name: "conf", configMap: { name: "settings", items: [{ key: "net", path: "net.json" }] } },
    ],
  });

  it("follows a mount to the node's directory and back", () => {
    const object = daemonSet(spec());

    expect(hostPathOf(object, "/opt/cni/bin")).toBe("/usr/lib/cni");
    redirectHostPath(object, "/opt/cni/bin", "/usr/lib/cni");
    expect(object).toEqual(daemonSet(spec()));
    redirectHostPath(object, "/opt/cni/bin", "/opt/cni/bin");
    expect(hostPathOf(object, "/opt/cni/bin")).toBe("/opt/cni/bin");
    expect(hostPathOf(object, "/etc/agent")).toBeUndefined();
  });

  it("follows a file to its key in a ConfigMap", () => {
    const [container] = spec().containers;
    const object = daemonSet(spec());

    expect(configMapFileOf(object, container ?? { name: "" }, "/etc/agent/net.json")).toEqual({
      name: "settings",
      key: "net",
    });
    expect(configMapFileOf(object, container ?? { name: "" }, "/etc/other/net.json")).toBeUndefined();
    expect(mountedConfigMaps(object)).toEqual(["settings"]);
  });

  it("several DaemonSets are one agent by the labels they share", () => {
    const [a, b] = [daemonSet({}, { app: "x", arch: "a" }, "b"), daemonSet({}, { app: "x", arch: "b" }, "a")];

    expect(agentRefOf([a, b])).toEqual({ namespace: "net", daemonSets: ["a", "b"], podLabels: { app: "x" } });
    expect(agentRefOf([])).toEqual({ namespace: "", daemonSets: [], podLabels: {} });
  });
});
