import { describe, expect, it } from "vitest";
import { notices, packagesOf } from "./notices.ts";

describe("packagesOf", () => {
  it("names each package once, nested and scoped ones with their folders, and no source of ours", () => {
    const inputs = [
      "plugin/main.ts",
      "node_modules/yaml/dist/index.js",
      "node_modules/yaml/dist/doc.js",
      "node_modules/a/node_modules/@b/c/x.js",
    ];

    expect(packagesOf(inputs)).toEqual(["node_modules/a/node_modules/@b/c", "node_modules/yaml"]);
  });
});

describe("notices", () => {
  it("holds name, version and the whole licence text of what is bundled", () => {
    const text = notices(["node_modules/yaml/dist/index.js"]);

    expect(text).toMatch(/^yaml \d+\.\d+\.\d+ \(ISC\)$/m);
    expect(text).toContain("Permission to use, copy, modify, and/or distribute this software");
  });
});
