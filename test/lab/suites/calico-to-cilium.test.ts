import { describeToCilium } from "../to-cilium.ts";

describeToCilium({
  source: "calico",
  namespaces: ["kube-system"],
  agent: { namespace: "kube-system", name: "calico-node" },
  nodeSeconds: 30,
});
