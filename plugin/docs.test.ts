import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { renderCliDocs } from "./docs.ts";

describe("plugin/docs", () => {
  it("docs/cli.md is what the commands say: npm run generate writes it", () => {
    const written = readFileSync(join(import.meta.dirname, "..", "docs", "cli.md"), "utf8");

    expect(written).toBe(renderCliDocs());
  });
});
