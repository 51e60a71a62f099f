import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { firstSteps } from "../plugin/help.ts";
import { verbs } from "../plugin/verbs/index.ts";
import { root } from "../scripts/project.ts";

const known = new Set(["help", ...verbs.map((verb) => verb.name)]);
const rooms = ["controller", "plugin", "crds", "networks"];

/** Verbs that a text tells people to use. Capital words stand for a verb and are none. */
function verbsIn(text: string): string[] {
  const called = /(?:kubectl\s+cni-migrate|\$\{programName\})\s+([a-z][a-z-]*)/g;
  return [...text.matchAll(called)].map(([, verb = ""]) => verb);
}

/** What users read of a room: its sources and schemas, tests aside. */
function textsOf(room: string): string[] {
  const files = readdirSync(join(root, room), { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => /\.(ts|ya?ml|md)$/.test(file) && !/\.(test|suite)\.ts$|(^|\/)(testing|testdata)\//.test(file))
    .map((file) => join(room, file));
}

const pages = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".md"))
  .map((file) => join("docs", file));

function unknownIn(files: readonly string[]): string[] {
  return files.flatMap((file) =>
    verbsIn(readFileSync(join(root, file), "utf8"))
      .filter((verb) => !known.has(verb))
      .map((verb) => `${file}: ${verb}`),
  );
}

describe("commands people are told to type", () => {
  it.each(rooms)("exist: %s", (room) => {
    expect(unknownIn(textsOf(room))).toEqual([]);
  });

  it("exist: the pages", () => {
    const readmes = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "krew-manifest.yaml"];

    expect(unknownIn([...readmes, ...pages])).toEqual([]);
  });

  it("exist: the first steps of the help", () => {
    expect(firstSteps.map(({ command }) => command.split(" ")[0] ?? "").filter((verb) => !known.has(verb))).toEqual([]);
  });

  it.each([
    ['hint: "then kubectl cni-migrate retry n1",', ["retry"]],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
    ["`see ${programName} status ${name}; or ${programName} undo`", ["status", "undo"]],
    ["run `kubectl cni-migrate\nrollback` or kubectl cni-migrate --help", ["rollback"]],
    ["kubectl cni-migrate VERB, and kubectl get cnimigrations", []],
  ])("are found in %j", (text, expected) => {
    expect(verbsIn(text)).toEqual(expected);
  });
});
