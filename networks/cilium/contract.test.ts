import { runContract } from "../contract.suite.ts";
import { agentsIn } from "./facts.ts";
import { ciliumManifests, ciliumPlan } from "./fixtures.ts";
import { cilium } from "./index.ts";

runContract({
  network: cilium,
  installed: () => structuredClone(agentsIn(ciliumManifests)) as never,
  foundIn: [],
  part: { manifests: ciliumManifests, context: ciliumPlan(), overrides: {} },
  skip: [{ test: "says of each value where it was read", reason: "only its agent is looked at" }],
});
