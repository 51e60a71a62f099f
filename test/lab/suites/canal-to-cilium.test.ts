import { describeToCilium } from "../to-cilium.ts";

describeToCilium({
  source: "canal",
  namespaces: ["kube-system"],
  agent: { namespace: "kube-system", name: "canal" },
  nodeSeconds: 30,
});
