import { describe, expect, it } from "vitest";
import { calico } from "./calico/index.ts";
import { flannel } from "./flannel/index.ts";
import { handOver } from "./overlays.ts";
import { planOfRecording } from "./testing.ts";

const plan = planOfRecording();
const [node] = plan.nodes;
if (node === undefined) throw new Error("the recording has no node");
const marks = { vni: 1, port: 8472, mac: plan.source.vteps[node.name]?.mac };

/** The work on a node as it was seen to lose nothing on the lab, in both directions. */
describe("networks: work on a node", () => {
  it("flannel to Calico: configuration and bridge go, the device changes its name, Felix is asked on the node", () => {
    expect([
      ...flannel.leave(plan, node),
      ...handOver(flannel, calico, plan.overlay),
      ...calico.join(plan, node),
    ]).toEqual([
      { op: "removeFile", path: "/etc/cni/net.d/10-flannel.conflist" },
      { op: "removeFile", path: "/etc/cni/net.d/10-flannel.conf" },
      { op: "deleteLink", name: "cni0", kind: "bridge" },
      { op: "renameVxlan", from: "flannel.1", to: "vxlan.calico", marks: { vni: 1, port: 8472 } },
      { op: "removeFile", path: "/etc/cni/net.d/10-calico.conflist" },
    ]);
    expect(calico.awaitJoined(plan, node)).toEqual([
      { op: "awaitHttp", url: "http://127.0.0.1:9099/readiness", statuses: [200, 204], timeoutSeconds: 240 },
      { op: "awaitVxlan", name: "vxlan.calico", marks, timeoutSeconds: 240 },
      { op: "awaitFile", path: "/etc/cni/net.d/10-calico.conflist", timeoutSeconds: 240 },
    ]);
  });

  it("Calico to flannel: blackholes go, routes to nodes still on Calico stay, an old subnet.env proves nothing", () => {
    expect([
      ...calico.leave(plan, node),
      ...handOver(calico, flannel, plan.overlay),
      ...flannel.join(plan, node),
    ]).toEqual([
      { op: "removeFile", path: "/etc/cni/net.d/10-calico.conflist" },
      { op: "deleteRoutes", protocol: 80, blackholeOnly: true },
      { op: "renameVxlan", from: "vxlan.calico", to: "flannel.1", marks: { vni: 1, port: 8472 } },
      { op: "removeFile", path: "/run/flannel/subnet.env" },
      { op: "removeFile", path: "/etc/cni/net.d/10-flannel.conflist" },
      { op: "removeFile", path: "/etc/cni/net.d/10-flannel.conf" },
    ]);
    expect(flannel.awaitJoined(plan, node)).toEqual([
      { op: "awaitFile", path: "/run/flannel/subnet.env", timeoutSeconds: 240 },
      { op: "awaitVxlan", name: "flannel.1", marks, timeoutSeconds: 240 },
      { op: "awaitFile", path: "/etc/cni/net.d/10-flannel.conflist", timeoutSeconds: 240 },
    ]);
  });

  it("blocks made ahead are kept while the node is not on Calico, and looked after when it is", () => {
    const label = "projectcalico.org/node-network-during-migration";

    expect(calico.nodeLabels("in")).toEqual({ [label]: "calico" });
    expect(calico.nodeLabels("out")[label]).not.toBe("calico");
  });
});
