import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../scripts/project.ts";

/** Rooms and the ones each may import from, besides itself. */
const mayImport = {
  crds: [],
  kube: ["crds"],
  networks: ["crds", "kube"],
  controller: ["crds", "kube", "networks"],
  plugin: ["crds", "kube", "networks"],
} as const satisfies Record<string, readonly string[]>;

type Room = keyof typeof mayImport;
const rooms = Object.keys(mayImport) as Room[];

/** Tests may compare anything with anything; the rule is for what is shipped. */
const isTest = (file: string) => /\.(test|suite)\.ts$|\/testing\/|\/testdata\//.test(file);

function sourcesOf(room: Room): string[] {
  const files = readdirSync(join(root, room), { recursive: true, encoding: "utf8" });
  return files.map((file) => join(root, room, file)).filter((file) => file.endsWith(".ts") && !isTest(file));
}

/** Files that a source imports by a relative path, types and dynamic imports included, relative to the root. */
function importsOf(file: string, text: string): string[] {
  const specifiers = [...text.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*"(\.{1,2}\/[^"]+)"/g)];
  return specifiers.map(([, specifier = ""]) => relative(root, join(file, "..", specifier)));
}

describe("rooms", () => {
  it.each(rooms)("%s imports only from the rooms below it", (room) => {
    const allowed: readonly string[] = [room, ...mayImport[room], "package.json"];

    const offences = sourcesOf(room).flatMap((file) =>
      importsOf(file, readFileSync(file, "utf8"))
        .filter((target) => !allowed.includes(target.split("/")[0] ?? ""))
        .map((target) => `${relative(root, file)} imports ${target}`),
    );

    expect(offences).toEqual([]);
  });

  it.each([
    ['import { a } from "../kube/types.ts";', ["kube/types.ts"]],
    ['import type { a } from "./b.ts";', ["crds/b.ts"]],
    ['export * from "../plugin/c.ts";', ["plugin/c.ts"]],
    ['import "../controller/d.ts";', ["controller/d.ts"]],
    ['const e = await import("../controller/e.ts");', ["controller/e.ts"]],
    ['import fs from "node:fs"; import yaml from "yaml";', []],
  ])("sees what %s imports", (text, expected) => {
    expect(importsOf(join(root, "crds/x.ts"), text)).toEqual(expected);
  });
});

describe("docs", () => {
  const folders = readdirSync(join(root, "networks")).filter((name) =>
    existsSync(join(root, "networks", name, "index.ts")),
  );
  const page = readFileSync(join(root, "docs/adding-a-network.md"), "utf8");

  it.each(["README.md", "docs/adding-a-network.md"])("%s names every network there is a folder of", (name) => {
    const text = readFileSync(join(root, name), "utf8").toLowerCase();

    expect(folders).toContain("flannel");
    expect(folders.filter((folder) => !text.includes(folder))).toEqual([]);
  });

  it("adding-a-network.md explains every member of the contract", () => {
    const contract = readFileSync(join(root, "networks/contract.ts"), "utf8");
    const [, body = ""] = /export interface Network \{\n([\s\S]*?)\n\}/.exec(contract) ?? [];
    const members = [...body.matchAll(/^ {2}(?:readonly )?(\w+)[(:?]/gm)].map(([, member]) => member ?? "");

    expect(members).toContain("footprint");
    expect(members.filter((member) => !page.includes(`\`${member}\``))).toEqual([]);
  });

  it("links lead to files that exist", () => {
    const pages = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].concat(
      readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".md"))
        .map((file) => join("docs", file)),
    );

    const broken = pages.flatMap((file) => {
      const links = [...readFileSync(join(root, file), "utf8").matchAll(/\]\((?!https?:|#)([^)#]+)/g)];
      return links.map(([, link = ""]) => join(file, "..", link)).filter((target) => !existsSync(join(root, target)));
    });

    expect(broken).toEqual([]);
  });
});
