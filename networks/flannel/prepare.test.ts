import { describe, expect, it } from "vitest";
import type { UnknownObject } from "../../kube/types.ts";
import { snapshotOf } from "../snapshot.ts";
import { patched, planOfRecording, recorded } from "../testing.ts";
import { checkAsTarget, prepareNode } from "./prepare.ts";

const plan = planOfRecording();

describe("networks/flannel/prepare", () => {
  it("writes on a Node what flanneld would, in JSON without a blank", () => {
    const [node] = plan.nodes;
    if (node === undefined) throw new Error("no node");
    const vtep = plan.source.vteps[node.name];

    expect(prepareNode({ ...plan, overlay: { ...plan.overlay, vni: 4096 } }, node)).toEqual([
      expect.objectContaining({
        change: "merge",
        key: { name: node.name },
        patch: {
          metadata: {
            annotations: {
              "flannel.alpha.coreos.com/backend-type": "vxlan",
              "flannel.alpha.coreos.com/backend-data": `{"VNI":4096,"VtepMAC":"${vtep?.mac}"}`,
              "flannel.alpha.coreos.com/kube-subnet-manager": "true",
              "flannel.alpha.coreos.com/public-ip": vtep?.publicIP,
            },
          },
        },
      }),
    ]);
  });

  it("a flannel that runs already is in the way, one held to a migration's nodes is not", () => {
    const running = recorded("flannel-0.28.10");
    const held = patched(
      running,
      { kind: "DaemonSet" },
      { spec: { template: { spec: { nodeSelector: { "cni-migrate.io/network": "flannel" } } } } },
    );
    const reasons = (objects: UnknownObject[]) =>
      checkAsTarget(snapshotOf({ objects }), plan.source).map((f) => f.reason);

    expect(reasons(running)).toEqual(["TargetAlreadyRuns"]);
    expect(reasons(held)).toEqual([]);
  });

  it("a podCIDR wider than the network is refused, which flanneld would do later", () => {
    const objects = patched(
      recorded("calico-3.28.5"),
      { kind: "Node", name: "n2" },
      { spec: { podCIDRs: ["10.0.0.0/8"] } },
    );

    expect(checkAsTarget(snapshotOf({ objects }), plan.source)).toEqual([
      expect.objectContaining({ reason: "PodCIDROutsideNetwork", where: "node n2" }),
    ]);
  });
});
