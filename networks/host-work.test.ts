import { describe, expect, it } from "vitest";
import { calico } from "./calico/index.ts";
import { canal } from "./canal/index.ts";
import { cilium } from "./cilium/index.ts";
import { flannel } from "./flannel/index.ts";
import { onlyOf } from "./footprints.ts";
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
      { op: "awaitFile", path: "/etc/cni/net.d/10-calico.conflist", timeoutSeconds: 240 },
      { op: "awaitHttp", url: "http://127.0.0.1:9099/readiness", statuses: [200, 204], timeoutSeconds: 240 },
      { op: "awaitVxlan", name: "vxlan.calico", marks, timeoutSeconds: 240 },
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

  it("a node's empty blocks are kept while the migration lasts, on Calico or not", () => {
    const label = "projectcalico.org/node-network-during-migration";

    for (const state of ["in", "out"] as const) expect(calico.nodeLabels(state)).toEqual({ [label]: "none" });
  });

  it("Canal to Calico and back: links, rules and files both have stay; flanneld is seen by its routes", () => {
    const between = planOfRecording("canal");
    const [n1] = between.nodes;
    if (n1 === undefined) throw new Error("the recording has no node");
    const facts = { ...between.source, overlay: between.overlay };
    const [ofCanal, ofCalico] = [canal.footprint(facts), calico.footprint(facts)];

    expect([...canal.leave(between, n1), ...handOver(canal, calico, between.overlay)]).toEqual([
      { op: "removeFile", path: "/etc/cni/net.d/10-canal.conflist" },
      { op: "renameVxlan", from: "flannel.1", to: "vxlan.calico", marks: { vni: 1, port: 8472 } },
    ]);
    expect(canal.awaitJoined(between, n1)).toContainEqual({
      op: "awaitRoutes",
      device: "flannel.1",
      destinations: ["10.244.1.0/24", "10.244.2.0/24"],
      timeoutSeconds: 240,
    });
    expect(onlyOf(ofCanal, ofCalico)).toEqual({
      network: "canal",
      links: [{ name: "flannel.1", kind: "vxlan" }],
      chains: ["FLANNEL-POSTRTG", "FLANNEL-FWD"],
      comments: ["flanneld masq", "flanneld forward"],
      nftTables: ["ip flannel-ipv4", "ip6 flannel-ipv6"],
      ipsets: [],
      routeProtocols: [],
      tunnelRoutes: [],
      policyRules: [],
      bpfFilters: [],
      files: ["/etc/cni/net.d/10-canal.conflist"],
      mounts: [],
      directories: ["/run/flannel", "/var/lib/cni/networks/k8s-pod-network"],
      filePrefixes: [],
    });
    expect(onlyOf(ofCalico, ofCanal)).toEqual({
      network: "calico",
      links: [{ name: "vxlan.calico", kind: "vxlan" }],
      chains: [],
      comments: [],
      nftTables: [],
      ipsets: [],
      routeProtocols: [80],
      tunnelRoutes: [{ within: "10.244.0.0/16", prefix: 26 }],
      policyRules: [],
      bpfFilters: [],
      files: ["/etc/cni/net.d/10-calico.conflist", "/run/calico/ipam.lock"],
      mounts: [],
      directories: [],
      filePrefixes: [],
    });
  });

  it("beside another overlay a node loses only what new pods start by: what agents and pods have goes on", () => {
    const beside = { ...plan, second: { cidrs: ["10.245.0.0/16"], subnetLen: 24 } };

    expect(flannel.leave(beside, node)).toEqual([
      { op: "removeFile", path: "/etc/cni/net.d/10-flannel.conflist" },
      { op: "removeFile", path: "/etc/cni/net.d/10-flannel.conf" },
    ]);
    expect(calico.leave(beside, node)).toEqual([{ op: "removeFile", path: "/etc/cni/net.d/10-calico.conflist" }]);
    expect(cilium.leave(beside, node)).toEqual([{ op: "removeFile", path: "/etc/cni/net.d/05-cilium.conflist" }]);
  });
});
