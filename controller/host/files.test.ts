import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { listDirectory, readText, removeDirectory, removeFile, statEntry, writeText } from "./files.ts";
import type { HostFiles } from "./walk.ts";

let root: string;
let files: HostFiles;
const host = (path: string) => join(root, path);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cnim-files-"));
  files = { root };
  for (const path of ["/etc/cni/net.d", "/run/flannel", "/var/lib/cni/networks/cbr0", "/opt/cni", "/secret"])
    mkdirSync(host(path), { recursive: true });
  writeFileSync(host("/secret/key"), "secret");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("writeText", () => {
  const path = "/etc/cni/net.d/00-hold.conflist";

  test("makes the file with its mode and leaves nothing beside it", async () => {
    expect(await writeText(files, path, "one", 0o600)).toBe(true);
    expect(readFileSync(host(path), "utf8")).toBe("one");
    expect(lstatSync(host(path)).mode & 0o777).toBe(0o600);
    expect(readdirSync(host("/etc/cni/net.d"))).toEqual(["00-hold.conflist"]);
  });

  test("does not touch a file that has this content", async () => {
    await writeText(files, path, "one", 0o644);
    const before = lstatSync(host(path)).ino;
    expect(await writeText(files, path, "one", 0o644)).toBe(false);
    expect(lstatSync(host(path)).ino).toBe(before);
  });

  test("replaces a file whole, also after a run that was ended half-way", async () => {
    writeFileSync(host(path), "old");
    writeFileSync(host("/etc/cni/net.d/.cni-migrate.tmp"), "half");
    expect(await writeText(files, path, "new", 0o644)).toBe(true);
    expect(readFileSync(host(path), "utf8")).toBe("new");
    expect(readdirSync(host("/etc/cni/net.d"))).toEqual(["00-hold.conflist"]);
  });

  test("refuses to write through a symbolic link", async () => {
    symlinkSync(host("/secret/key"), host(path));
    await expect(writeText(files, path, "x", 0o644)).rejects.toThrow(`${path} is not a regular file`);
    expect(readFileSync(host("/secret/key"), "utf8")).toBe("secret");
  });

  test("fails when the directory is not there", async () => {
    await expect(writeText(files, "/var/lib/calico/nodename", "n1", 0o644)).rejects.toThrow(
      "/var/lib/calico/nodename: its directory does not exist",
    );
  });
});

describe("symbolic links", () => {
  test("below an allowed directory are refused on the way", async () => {
    symlinkSync(host("/secret"), host("/run/flannel/link"));
    for (const act of [readText, removeFile, statEntry])
      await expect(act(files, "/run/flannel/link/key")).rejects.toThrow("symbolic link or no directory");
    expect(existsSync(host("/secret/key"))).toBe(true);
  });

  test("that lead to an allowed directory are the node's own and are followed inside its root", async () => {
    mkdirSync(host("/run/calico"), { recursive: true });
    mkdirSync(host("/usr/lib/cni"), { recursive: true });
    symlinkSync("../run", host("/var/run"));
    symlinkSync("/usr/lib/cni", host("/opt/cni/bin"));
    writeFileSync(host("/run/calico/bird.ctl"), "x");
    writeFileSync(host("/usr/lib/cni/bridge"), "x");
    chmodSync(host("/usr/lib/cni/bridge"), 0o755);
    expect(await readText(files, "/var/run/calico/bird.ctl")).toBe("x");
    expect(await listDirectory(files, "/opt/cni/bin")).toMatchObject([
      { name: "bridge", kind: "file", executable: true },
    ]);
    expect(await removeDirectory(files, "/var/run/calico")).toBe(true);
    expect(existsSync(host("/run/calico"))).toBe(false);
  });

  test("that climb out of the node's root end at it", async () => {
    symlinkSync("../../../../../../../../secret", host("/opt/cni/bin"));
    expect(await readText(files, "/opt/cni/bin/key")).toBe("secret");
  });

  test("that go in circles are an error", async () => {
    symlinkSync("bin", host("/opt/cni/bin"));
    await expect(readText(files, "/opt/cni/bin/x")).rejects.toThrow("too many symbolic links");
  });
});

describe("removeFile", () => {
  test("is fine with an absent file, directory and root", async () => {
    for (const path of ["/run/flannel/no", "/run/flannel/no/such", "/var/lib/calico/nodename"])
      expect(await removeFile(files, path)).toBe(false);
  });

  test.each(["a directory", "a link", "a pipe"])("refuses %s", async (kind) => {
    const path = "/run/flannel/thing";
    if (kind === "a directory") mkdirSync(host(path));
    if (kind === "a link") symlinkSync("/etc/passwd", host(path));
    if (kind === "a pipe") execFileSync("mkfifo", [host(path)]);
    await expect(removeFile(files, path)).rejects.toThrow(`${path} is not a regular file`);
    expect(lstatSync(host(path))).toBeDefined();
  });
});

describe("removeDirectory", () => {
  test("removes all below and no target of a link", async () => {
    mkdirSync(host("/var/lib/cni/networks/cbr0/deep/er"), { recursive: true });
    writeFileSync(host("/var/lib/cni/networks/cbr0/deep/er/file"), "x");
    symlinkSync(host("/secret"), host("/var/lib/cni/networks/cbr0/deep/link"));
    symlinkSync(host("/secret/key"), host("/var/lib/cni/networks/cbr0/link"));
    expect(await removeDirectory(files, "/var/lib/cni/networks/cbr0")).toBe(true);
    expect(readdirSync(host("/var/lib/cni/networks"))).toEqual([]);
    expect(readFileSync(host("/secret/key"), "utf8")).toBe("secret");
    expect(await removeDirectory(files, "/var/lib/cni/networks/cbr0")).toBe(false);
  });

  test("refuses a file and a link to a directory", async () => {
    writeFileSync(host("/var/lib/cni/networks/file"), "x");
    symlinkSync(host("/secret"), host("/var/lib/cni/networks/link"));
    for (const name of ["file", "link"])
      await expect(removeDirectory(files, `/var/lib/cni/networks/${name}`)).rejects.toThrow("is not a directory");
    expect(existsSync(host("/secret/key"))).toBe(true);
  });
});

test("readText refuses what is larger than 64 KiB", async () => {
  writeFileSync(host("/run/flannel/big"), Buffer.alloc(64 * 1024 + 1));
  await expect(readText(files, "/run/flannel/big")).rejects.toThrow("larger than 64 KiB");
});
