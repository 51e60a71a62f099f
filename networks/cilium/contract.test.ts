import { runContract } from "../contract.suite.ts";
import { parseManifests } from "../manifests.ts";
import { cilium } from "./index.ts";

const installed = `
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: cilium, namespace: kube-system }
spec:
  template:
    metadata: { labels: { k8s-app: cilium } }
    spec: { hostNetwork: true, containers: [{ name: cilium-agent, image: "example.org/cilium:v1" }] }
`;

runContract({
  network: cilium,
  installed: () => parseManifests(installed, "Cilium fixture"),
  foundIn: [],
  skip: [{ test: "says of each value where it was read", reason: "only its agent is looked at" }],
});
