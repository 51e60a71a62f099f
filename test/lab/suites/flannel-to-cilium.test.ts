import { describeToCilium } from "../to-cilium.ts";

describeToCilium({
  source: "flannel",
  namespaces: ["kube-flannel", "kube-system"],
  agent: { namespace: "kube-flannel", name: "kube-flannel-ds" },
  nodeSeconds: 20,
});
