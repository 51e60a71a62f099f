import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { generatedFiles } from "./generate-files.ts";
import { root } from "./project.ts";

/**
 * Writes what is derived from the schemas, the vocabulary and the commands. With --check it writes nothing, names the files that
 * differ and exits 1.
 */
const check = process.argv.includes("--check");
const stale = Object.entries(await generatedFiles(root)).filter(([file, text]) => {
  const path = join(root, file);
  return !existsSync(path) || readFileSync(path, "utf8") !== text;
});
for (const [file, text] of stale) {
  if (check) {
    console.error(`${file} is not what it is made from says: run npm run generate`);
    process.exitCode = 1;
    continue;
  }
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
  console.log(`wrote ${file}`);
}
