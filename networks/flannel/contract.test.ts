import { runContract } from "../contract.suite.ts";
import { planOfRecording, recorded } from "../testing.ts";
import { flannelManifests } from "./fixtures.ts";
import { flannel } from "./index.ts";

runContract({
  network: flannel,
  installed: () => recorded("flannel-0.28.10"),
  foundIn: ["flannel-0.28.10", "mixed-calico-3.28.5"],
  part: {
    manifests: flannelManifests,
    context: planOfRecording(),
    sharesWith: ["canal"],
    overrides: {
      network: "10.100.0.0/16",
      ipv6Network: "fd00:10::/56",
      mtu: 1400,
      ipMasq: false,
      subnetLen: 25,
      ipv6SubnetLen: 80,
      annotationPrefix: "flannel.example.org",
      vni: 7,
      port: 4789,
      cniConfDir: "/etc/cni/net.d/flannel",
      cniBinDir: "/opt/cni/bin/flannel",
    },
  },
});
