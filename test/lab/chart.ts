import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { binarySets, type LabNetwork, versions } from "./binaries.ts";
import { downloadModule, ensureBinaries } from "./build.ts";
import { LabError } from "./errors.ts";
import { must } from "./run.ts";
import { labFolder } from "./state.ts";

const network: LabNetwork = "cilium";

/** The lab's images are on its nodes already, under their tags. */
const image = { useDigest: false, pullPolicy: "Never" };

/** Where the lab cannot have what the chart gives by itself; nothing else is set, and nothing for a migration. */
const values = {
  image,
  operator: { image },
  // No images of these are built. An agent asks for its own Envoy's version when it starts, and needs it with L7 policies only.
  envoy: { enabled: false },
  hubble: { enabled: false },
  extraConfig: { "disable-envoy-version-check": "true" },
  // Capabilities of its own would not do inside a node's namespaces.
  securityContext: { privileged: true },
};

/**
 * A file of the running lab with what `helm template` makes of Cilium's own chart, of the version whose images the lab has: what a
 * user gives to `start -f`.
 */
export async function ciliumManifestPath(lab: string): Promise<string> {
  const set = binarySets.find(({ id }) => id === network);
  if (set === undefined) throw new LabError(`no module ${network} in test/lab/binaries.ts`);
  const [{ folder }, { helm }] = await Promise.all([downloadModule(set), ensureBinaries(["helm"])]);
  const chart = join(folder, "install", "kubernetes", "cilium");
  const text = await must(
    [helm, "template", "cilium", chart, "-n", "kube-system", "--kube-version", versions.kubernetes, "-f", "-"],
    { input: JSON.stringify(values) },
  );
  const path = join(labFolder(lab), "cilium.yaml");
  writeFileSync(path, text);
  return path;
}
