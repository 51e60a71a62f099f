import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { storedGzip } from "./gzip.ts";
import { type TarEntry, tar } from "./tar.ts";

const folder = mkdtempSync(join(tmpdir(), "archive-"));
afterAll(() => rmSync(folder, { recursive: true }));

const long = `${"d".repeat(80)}/${"e".repeat(60)}`;
const entries: TarEntry[] = [
  { kind: "file", path: "b/run", mode: 0o755, content: Buffer.from("#!/bin/sh\n") },
  { kind: "directory", path: "b", mode: 0o1777 },
  { kind: "symlink", path: "a", target: "b/run" },
  { kind: "file", path: long, mode: 0o644, content: Buffer.alloc(513, "x") },
];

function list(archive: Uint8Array, ...flags: string[]): string[] {
  const path = join(folder, "a.tar");
  writeFileSync(path, archive);
  const options = { encoding: "utf8", env: { ...process.env, TZ: "UTC" } } as const;
  return execFileSync("tar", ["-tf", path, "--numeric-owner", ...flags], options)
    .trim()
    .split("\n");
}

describe("tar", () => {
  it("is read by the system's tar with modes, owners, times and link targets", () => {
    expect(list(tar(entries), "-v").map((line) => line.replace(/ +/g, " "))).toEqual([
      "lrwxrwxrwx 0/0 0 1970-01-01 00:00 a -> b/run",
      "drwxrwxrwt 0/0 0 1970-01-01 00:00 b/",
      "-rwxr-xr-x 0/0 10 1970-01-01 00:00 b/run",
      `-rw-r--r-- 0/0 513 1970-01-01 00:00 ${long}`,
    ]);
  });

  it("does not depend on the order of its entries", () => {
    expect(tar([...entries].reverse()).equals(tar(entries))).toBe(true);
  });

  it("refuses a path twice and a path it has no room for", () => {
    const same: TarEntry = { kind: "symlink", path: "a", target: "c" };
    const tooLong: TarEntry = { kind: "directory", path: "x".repeat(120), mode: 0o755 };

    expect(() => tar([...entries, same])).toThrow("two entries of the archive are called a");
    expect(() => tar([tooLong])).toThrow("the path is too long for a tar archive: xxx");
  });
});

describe("storedGzip", () => {
  it.each([
    ["nothing", 0],
    ["one byte", 1],
    ["exactly one stored block", 65_535],
    ["one byte more than a stored block", 65_536],
    ["several stored blocks", 200_000],
  ])("gives %s back when unpacked", (_, size) => {
    const content = Buffer.from(Array.from({ length: size }, (_, index) => (index * 31) % 251));

    const unpacked = gunzipSync(storedGzip(content));

    expect(unpacked.equals(content)).toBe(true);
  });

  it("is read by the system's tar", () => {
    expect(list(storedGzip(tar(entries)), "-z")).toEqual(["a", "b/", "b/run", long]);
  });
});
