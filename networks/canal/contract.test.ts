import { runContract } from "../contract.suite.ts";
import { planOfRecording, recorded } from "../testing.ts";
import { canal } from "./index.ts";

runContract({
  network: canal,
  installed: () => recorded("canal-3.28.5"),
  foundIn: ["canal-3.28.5"],
  part: {
    context: planOfRecording("canal"),
    settingsOf: "flannel",
    sharesWith: ["flannel", "calico"],
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
      cniConfDir: "/etc/cni/net.d/canal",
      cniBinDir: "/opt/cni/bin/canal",
    },
  },
});
