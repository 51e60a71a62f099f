import { readdirSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "suites");
const ending = ".test.ts";

/** Names of the suites that run on real clusters: the files of test/lab/suites. */
export function suiteNames(): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length))
    .sort();
}

/** What vitest is to be told to run these suites, one after the other. */
export function suiteArguments(names: readonly string[]): string[] {
  return ["--project", "lab", ...names.map((name) => join(folder, `${name}${ending}`))];
}
