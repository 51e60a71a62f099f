import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { dist, root, ScriptError, writeWhole } from "../project.ts";
import { bundle } from "./bundle.ts";
import { notices } from "./notices.ts";

/** What is built of which source. */
const programs = [
  { entry: "plugin/main.ts", product: "kubectl-cni_migrate", executable: true },
  { entry: "controller/main.ts", product: "controller.cjs", executable: false },
] as const;

/** A file without an ending is what the nearest package.json says, and the project's own says ES modules. */
const commonjs = '{ "type": "commonjs" }\n';

/** Fills dist/ with both programs and what goes along with them. The same sources give the same bytes. */
export async function buildPrograms(progress: (line: string) => void): Promise<void> {
  const inputs: string[] = [];
  writeWhole(join(dist, "package.json"), commonjs);
  for (const { entry, product, executable } of programs) {
    if (!existsSync(join(root, entry)))
      throw new ScriptError(`${entry} is missing, so dist/${product} cannot be built`);
    const made = await bundle(entry, { executable });
    inputs.push(...made.inputs);
    writeWhole(join(dist, product), made.text, executable ? 0o755 : 0o644);
    progress(`dist/${product}  ${Math.ceil(made.text.byteLength / 1024)} KiB`);
  }
  // kubectl asks a program of this name for completions; the plugin has its text.
  const completion = execFileSync(process.execPath, [join(dist, "kubectl-cni_migrate"), "completion"]);
  writeWhole(join(dist, "kubectl_complete-cni_migrate"), completion, 0o755);
  writeWhole(join(dist, "NOTICES"), notices(inputs));
}
