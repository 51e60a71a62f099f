import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseAllDocuments } from "yaml";
import { calicoManifestPath, type Lab } from "../lab/index.ts";

/** Calico's own controller takes a manifest of Calico and one of its Job, from the same module the lab builds Calico from. */
const folder = "flannel-migration";

/** Starts Calico's own flannel-migration controller on the lab and waits for its Job. Seconds, or throws after the limit. */
export async function runPeer(lab: Lab, limitSeconds: number): Promise<number> {
  const manifests = join(dirname(await calicoManifestPath()), folder);
  const apply = async (file: string, edit: (text: string) => string = (t) => t) => {
    const result = await lab.kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], {
      input: edit(readFileSync(join(manifests, file), "utf8")),
    });
    if (result.code !== 0) throw new Error(`kubectl apply ${file}: ${result.stderr}`);
  };
  const started = performance.now();
  await apply("calico.yaml");
  await apply("migration-job.yaml", withFlannelNamespace);
  const done = await lab.kubectl([
    "-n",
    "kube-system",
    "wait",
    "job/flannel-migration",
    "--for=condition=Complete",
    `--timeout=${limitSeconds}s`,
  ]);
  if (done.code !== 0)
    throw new Error(`Calico's controller did not finish in ${limitSeconds} s: ${done.stderr.trim()}`);
  return (performance.now() - started) / 1000;
}

/** Pulls nothing: the lab has put the images on the nodes. */
function withFlannelNamespace(text: string): string {
  const documents = parseAllDocuments(text).map((d) => d.toJSON());
  for (const document of documents) {
    if (document?.kind !== "Job") continue;
    for (const container of document.spec.template.spec.containers) container.imagePullPolicy = "IfNotPresent";
  }
  return documents.map((d) => JSON.stringify(d)).join("\n---\n");
}
