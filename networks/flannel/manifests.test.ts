import { describe, expect, it } from "vitest";
import type { ConfigMap, DaemonSet } from "../../kube/objects.ts";
import type { KubeObject, UnknownObject } from "../../kube/types.ts";
import type { OverlayFacts } from "../contract.ts";
import { patched, planOfRecording } from "../testing.ts";
import { flannelManifests } from "./fixtures.ts";
import { checkManifests, transformManifests } from "./manifests.ts";

const plan = planOfRecording();

function netConfFor(
  overlay: Partial<OverlayFacts>,
  objects: readonly UnknownObject[] = flannelManifests,
): string | undefined {
  const result = transformManifests(objects, { ...plan, overlay: { ...plan.overlay, ...overlay } }) as KubeObject[];
  return (result.find((o) => o.kind === "ConfigMap") as ConfigMap | undefined)?.data?.["net-conf.json"];
}

describe("networks/flannel/manifests", () => {
  it("puts the shared overlay's numbers into the configuration the pods mount, the MTU as flannel counts it", () => {
    const conf = netConfFor({ vni: 4096, port: 4789, mtu: 1450, cidrs: ["10.9.0.0/16"] });

    expect(JSON.parse(conf ?? "")).toEqual({
      Network: "10.9.0.0/16",
      Backend: { Type: "vxlan", VNI: 4096, Port: 4789, MTU: 1500 },
    });
  });

  it("leaves a text alone that says the same", () => {
    const text = '{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan","VNI":1,"Port":8472,"MTU":1500}}';
    const objects = patched(flannelManifests, { kind: "ConfigMap" }, { data: { "net-conf.json": text } });

    expect(netConfFor({}, objects)).toBe(text);
  });

  it("keeps the rest of the DaemonSet", () => {
    const daemonSet = transformManifests(flannelManifests, plan).find((o) => o.kind === "DaemonSet") as
      | DaemonSet
      | undefined;
    const given = flannelManifests.find((o) => o.kind === "DaemonSet") as DaemonSet | undefined;

    expect(daemonSet?.spec.template.spec).toEqual({
      ...given?.spec.template.spec,
      nodeSelector: { "cni-migrate.io/network": "flannel" },
    });
  });

  it.each([
    [
      "no DaemonSet",
      flannelManifests.filter((o) => o.kind !== "DaemonSet"),
      "ManifestsUnusable",
      /no DaemonSet that runs flanneld/,
    ],
    [
      "no configuration",
      flannelManifests.filter((o) => o.kind !== "ConfigMap"),
      "ValueNotFound",
      /flannel-settings does not exist/,
    ],
    [
      "an annotation prefix of its own",
      patched(
        flannelManifests,
        { kind: "DaemonSet" },
        {
          spec: {
            template: {
              spec: {
                containers: [
                  {
                    name: "kube-flannel",
                    args: ["--kube-annotation-prefix=x.y"],
                    volumeMounts: [{ name: "settings", mountPath: "/etc/kube-flannel" }],
                  },
                ],
              },
            },
          },
        },
      ),
      "ManifestsUnusable",
      /prefix of their own/,
    ],
  ] as [string, UnknownObject[], string, RegExp][])("refuses %s", (_, objects, reason, what) => {
    expect(checkManifests(objects)).toEqual([
      expect.objectContaining({ severity: "blocker", reason, what: expect.stringMatching(what) }),
    ]);
  });
});
