import { describe, expect, it } from "vitest";
import type { UnknownObject } from "../../kube/types.ts";
import { parseManifests } from "../manifests.ts";
import { patched } from "../testing.ts";
import { calicoManifests } from "./fixtures.ts";
import { agentOf, checkManifests } from "./manifests.ts";

function withNode(container: Record<string, unknown>): UnknownObject[] {
  return patched(
    calicoManifests,
    { kind: "DaemonSet" },
    { spec: { template: { spec: { containers: [{ name: "calico-node", ...container }] } } } },
  );
}

function withInstaller(env: Record<string, unknown>[]): UnknownObject[] {
  const volumeMounts = [
    { name: "bin", mountPath: "/host/opt/cni/bin" },
    { name: "conf", mountPath: "/host/etc/cni/net.d/" },
  ];
  const initContainers = [{ name: "install-cni", env, volumeMounts }];
  return patched(calicoManifests, { kind: "DaemonSet" }, { spec: { template: { spec: { initContainers } } } });
}

function withEnv(name: string, value: string): UnknownObject[] {
  const kubernetes = { name: "DATASTORE_TYPE", value: "kubernetes" };
  return withNode({ env: name === "DATASTORE_TYPE" ? [{ name, value }] : [kubernetes, { name, value }] });
}

describe("networks/calico/manifests", () => {
  it("takes Calico's manifests, with BGP too: the backend is changed on the way", () => {
    expect(checkManifests(calicoManifests)).toEqual([]);
    expect(agentOf(calicoManifests)).toEqual({
      namespace: "kube-system",
      daemonSets: ["calico-node"],
      podLabels: { "k8s-app": "calico-node" },
    });
  });

  const cases: [string, readonly UnknownObject[], RegExp][] = [
    [
      "those of another network",
      calicoManifests.filter((o) => o.kind !== "DaemonSet"),
      /^these are not Calico's manifests: no DaemonSet calico-node in them$/,
    ],
    [
      "a DaemonSet whose container is named otherwise",
      patched(
        calicoManifests,
        { kind: "DaemonSet" },
        { spec: { template: { spec: { containers: [{ name: "node" }] } } } },
      ),
      /no DaemonSet calico-node/,
    ],
    [
      "Canal's",
      patched(
        calicoManifests,
        { kind: "DaemonSet" },
        { spec: { template: { spec: { containers: [{ name: "calico-node" }, { name: "kube-flannel" }] } } } },
      ),
      /no DaemonSet calico-node/,
    ],
    [
      "the operator's",
      parseManifests("apiVersion: operator.tigera.io/v1\nkind: Installation\nmetadata: {name: default}", "x"),
      /Tigera operator/,
    ],
    [
      "no definitions",
      calicoManifests.filter((o) => o.kind !== "CustomResourceDefinition"),
      /ippools.crd.projectcalico.org is not in them/,
    ],
    [
      "definitions of the other group",
      patched(
        calicoManifests,
        { kind: "CustomResourceDefinition" },
        { metadata: { name: "ippools.projectcalico.org" } },
      ),
      /group projectcalico.org, which is not supported yet/,
    ],
    ["data in etcd", withEnv("DATASTORE_TYPE", "etcdv3"), /DATASTORE_TYPE is etcdv3: Calico must keep its data/],
    ["no datastore named, which is etcd", withNode({}), /DATASTORE_TYPE is not set/],
    ["addresses of the podCIDR", withEnv("USE_POD_CIDR", "true"), /USE_POD_CIDR is true/],
    ["eBPF", withEnv("FELIX_BPFENABLED", "true"), /FELIX_BPFENABLED is true/],
    ["another health port", withEnv("FELIX_HEALTHPORT", "9199"), /its health port must be 9099/],
    ["health on another address", withEnv("FELIX_HEALTHHOST", "0.0.0.0"), /FELIX_HEALTHHOST is 0.0.0.0/],
    [
      "another configuration's name",
      withInstaller([{ name: "CNI_CONF_NAME", value: "05-own.conflist" }]),
      /must be named 10-calico.conflist/,
    ],
    [
      "host-local addresses",
      patched(
        calicoManifests,
        { kind: "ConfigMap" },
        { data: { cni_network_config: '{"plugins":[{"ipam":{"type": "host-local"}}]}' } },
      ),
      /host-local addresses/,
    ],
    [
      "policy only",
      patched(calicoManifests, { kind: "DaemonSet" }, { spec: { template: { spec: { initContainers: null } } } }),
      /installs no CNI plugin/,
    ],
    [
      "a CNI directory nothing may be written to",
      patched(
        calicoManifests,
        { kind: "DaemonSet" },
        {
          spec: {
            template: {
              spec: {
                volumes: [
                  { name: "bin", hostPath: { path: "/usr/lib/cni" } },
                  { name: "conf", hostPath: { path: "/etc/cni/net.d" } },
                ],
              },
            },
          },
        },
      ),
      /\/usr\/lib\/cni, where nothing may be written/,
    ],
    [
      "an object no install has",
      [...calicoManifests, { apiVersion: "batch/v1", kind: "Job", metadata: { name: "x" } }],
      /Job \(batch\/v1\) is not part/,
    ],
  ];

  it.each(cases)("refuses %s, in one line", (_, objects, what) => {
    expect(checkManifests(objects)).toEqual([
      {
        severity: "blocker",
        reason: expect.stringMatching(/^(ManifestsUnusable|NotSupportedYet|UnexpectedKind)$/),
        what: expect.stringMatching(what),
        where: expect.any(String),
        cure: expect.stringMatching(/^[^\n]{10,}$/),
      },
    ]);
  });

  it("says all that is wrong with them at once", () => {
    const env = [
      { name: "DATASTORE_TYPE", value: "etcdv3" },
      { name: "FELIX_BPFENABLED", value: "true" },
    ];

    expect(checkManifests(withNode({ env }))).toHaveLength(2);
  });

  it("does not fall over fields of the wrong type", () => {
    for (const spec of [
      null,
      "x",
      7,
      [],
      { template: { spec: { containers: "x", volumes: 3 } } },
      { template: { spec: { containers: [{ name: "calico-node", env: "x", command: {} }] } } },
    ]) {
      const objects = [{ apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name: "calico-node" }, spec }];
      expect(checkManifests(objects as UnknownObject[]).length).toBeGreaterThan(0);
    }
  });
});
