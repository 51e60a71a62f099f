import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { debianPackages, missingPackages } from "./packages.ts";
import { goIsEnough, raiseLimit, requireDisk, requireRoot } from "./preflight.ts";

test.each([
  ["go1.26.8", true],
  ["go1.26", true],
  ["go1.30.1", true],
  ["go2.0", true],
  ["go1.25.9", false],
  ["go1.9", false],
  ["", false],
  ["devel go1.27-abcdef", true],
])("Go %s is enough: %s", (version, enough) => {
  expect(goIsEnough(version)).toBe(enough);
});

test("who is not root is told how to be", () => {
  expect(() => requireRoot("up", 1000)).toThrow(
    "lab up needs root (namespaces, mounts): run it as root, e.g. sudo -E npm run lab -- up",
  );
  expect(() => requireRoot("up", 0)).not.toThrow();
});

test("a full disk is named with what is free, what is needed and what to do", () => {
  expect(() => requireDisk(10, 2 ** 31)).toThrow(
    /^2\.0 GiB free at .+, the lab needs 10: free some, or set CNI_MIGRATE_LAB_CACHE to a larger disk$/,
  );
  expect(() => requireDisk(4, 4 * 2 ** 30)).not.toThrow();
});

test.each([
  ["128", "1024", 1],
  ["1024", "1024", 0],
  ["8192", "8192", 0],
])("a limit of the kernel of %s becomes %s, and is said when it was raised", (before, after, said) => {
  const folder = mkdtempSync(join(tmpdir(), "limit-"));
  const path = join(folder, "max_user_instances");
  writeFileSync(path, `${before}\n`);
  const lines: string[] = [];

  raiseLimit(path, 1024, (line) => lines.push(line));

  expect(readFileSync(path, "utf8")).toBe(`${after}\n`);
  expect(lines.length).toBe(said);
  rmSync(folder, { recursive: true });
});

test("packages are missing when their proof is", () => {
  expect(missingPackages(["flannel"], () => true)).toEqual([]);
  expect(missingPackages(["flannel"], (proof) => proof !== "runc" && proof !== "/bin/busybox")).toEqual([
    "runc",
    "busybox-static",
  ]);
});

test("Cilium's compiler is asked for only by labs with Cilium", () => {
  const nothing = () => false;
  expect(missingPackages(["flannel", "calico"], nothing)).not.toContain("clang-19");
  expect(missingPackages(["cilium"], nothing)).toEqual(debianPackages.map(({ name }) => name));
});
