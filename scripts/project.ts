import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { imageRepository } from "../crds/names.ts";
import { LabError } from "../test/lab/errors.ts";

/** The project's root folder. */
export const root = resolve(import.meta.dirname, "..");

/** Where build products go. */
export const dist = join(root, "dist");

/** The version of the next release, from package.json: "0.1.0". */
export const version = (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version;

/** The controller's image: what `install` deploys unless told otherwise. */
export const imageReference = `${imageRepository}:${version}`;

/** Something a person can mend. Shown as one line: what is wrong, where, what to do. */
export class ScriptError extends Error {
  override readonly name = "ScriptError";
}

/** Runs a script's body. An error a person can mend ends it with its one line; anything else is a bug and shows its stack. */
export async function main(name: string, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    const told = error instanceof ScriptError || error instanceof LabError;
    process.stderr.write(`${name}: ${told ? error.message : (error as Error).stack}\n`);
    process.exitCode = error instanceof LabError ? error.exitCode : 1;
  }
}

/** Writes a file so that nobody ever sees, or runs, half of it. */
export function writeWhole(path: string, content: string | Uint8Array, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, content, { mode });
  renameSync(temporary, path);
}

/** Progress is for people: standard output is for data. */
export const toStderr = (line: string): void => {
  process.stderr.write(`${line}\n`);
};
