import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cacheRoot, digest, ensureEntry, keepRecent } from "./cache.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lab-cache-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("the cache is outside the checkout, where its variables say", () => {
  expect(cacheRoot({ CNI_MIGRATE_LAB_CACHE: "/a/b", XDG_CACHE_HOME: "/c" })).toBe("/a/b");
  expect(cacheRoot({ XDG_CACHE_HOME: "/c" })).toBe("/c/cni-migrate-lab");
  expect(cacheRoot({})).toMatch(/\/\.cache\/cni-migrate-lab$/);
});

test("an entry is made once and then found", async () => {
  let made = 0;
  const make = async (temporary: string) => {
    made += 1;
    writeFileSync(temporary, "content");
  };
  const path = join(folder, "area", "entry");
  await Promise.all([ensureEntry(path, make), ensureEntry(path, make)]);
  await ensureEntry(path, make);
  expect(made).toBe(1);
  expect(readFileSync(path, "utf8")).toBe("content");
  expect(readdirSync(join(folder, "area"))).toEqual(["entry"]);
});

test("a build that fails leaves nothing that could be taken for an entry", async () => {
  const path = join(folder, "entry");
  const failing = async (temporary: string) => {
    mkdirSync(temporary);
    throw new Error("no");
  };
  await expect(ensureEntry(path, failing)).rejects.toThrow("no");
  expect(readdirSync(folder)).toEqual([]);
});

test("a killed maker's lock and half-made entry are cleared by the next one", async () => {
  const path = join(folder, "entry");
  writeFileSync(`${path}.lock`, JSON.stringify({ pid: 1, startTime: "0", bootId: "an earlier boot" }));
  writeFileSync(join(folder, ".new-entry-12345678"), "half");
  await ensureEntry(path, async (temporary) => writeFileSync(temporary, "whole"));
  expect(readdirSync(folder)).toEqual(["entry"]);
});

test("only the entries used last are kept", () => {
  for (const [index, name] of ["old", "older", "new"].entries()) {
    writeFileSync(join(folder, name), "");
    utimesSync(join(folder, name), 1000 - index, 1000 - index);
  }
  keepRecent(join(folder, "new"), 2);
  expect(existsSync(join(folder, "new"))).toBe(true);
  expect(readdirSync(folder).sort()).toEqual(["new", "old"]);
});

test("a digest depends on every input", () => {
  expect(digest("a", ["b"])).toBe(digest("a", ["b"]));
  expect(digest("a", ["b"])).not.toBe(digest("a", ["c"]));
  expect(digest("a", "b")).not.toBe(digest("ab"));
});
