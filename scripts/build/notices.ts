import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root, ScriptError } from "../project.ts";

const licenceFile = /^(licen[cs]e|copying|notice)(\.|$|-)/i;

/** The packages a list of source files comes from: "node_modules/a/node_modules/@b/c/x.js" -> "node_modules/a/node_modules/@b/c". */
export function packagesOf(inputs: readonly string[]): string[] {
  const folders = inputs.flatMap((input) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []);
  return [...new Set(folders)].sort();
}

/** The licence texts of everything bundled: most of them ask to go along with every copy. */
export function notices(inputs: readonly string[]): string {
  const sections = packagesOf(inputs).map(section);
  return `The files of this folder contain the software named below, each under its own licence.\n\n${sections.join("\n")}`;
}

function section(folder: string): string {
  const path = join(root, folder);
  const about = JSON.parse(readFileSync(join(path, "package.json"), "utf8")) as {
    name: string;
    version: string;
    license?: string;
  };
  const texts = readdirSync(path)
    .filter((name) => licenceFile.test(name))
    .sort()
    .map((name) => readFileSync(join(path, name), "utf8").trim());
  if (texts.length === 0 && about.license === undefined)
    throw new ScriptError(`${folder} states no licence and so cannot be shipped; replace it or see to its licence`);
  const rule = "-".repeat(80);
  return `${rule}\n${about.name} ${about.version} (${about.license})\n${rule}\n${texts.join("\n\n") || "(ships no licence text)"}\n`;
}
