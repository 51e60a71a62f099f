import { runContract } from "../contract.suite.ts";
import { planOfRecording, recorded } from "../testing.ts";
import { calicoManifests } from "./fixtures.ts";
import { calico } from "./index.ts";

runContract({
  network: calico,
  installed: () => recorded("calico-3.28.5"),
  foundIn: ["calico-3.28.5", "mixed-calico-3.28.5"],
  part: {
    manifests: calicoManifests,
    context: planOfRecording(),
    sharesWith: ["canal"],
    overrides: {
      network: "10.100.0.0/16",
      mtu: 1400,
      ipMasq: false,
      vni: 7,
      port: 8472,
      cniConfDir: "/etc/cni/net.d/calico",
      cniBinDir: "/opt/cni/bin/calico",
    },
  },
});
