import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dist, imageReference, root } from "../../scripts/project.ts";
import { must, run } from "../lab/run.ts";

const folder = mkdtempSync(join(tmpdir(), "image-"));
const unpacked = join(folder, "root");
let printed: string;

const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** A network namespace and an environment of its own, so that nothing of the machine is changed or lent. */
const apart = ["env", "-i", `PATH=${path}`, "unshare", "--map-root-user", "--net"];

/** With the image's files alone: a program that needs one more library or file fails here. */
const inside = (...argv: string[]) => run([...apart, "chroot", unpacked, ...argv]);

beforeAll(async () => {
  printed = await must([process.execPath, "--import", "tsx", "scripts/image.ts"], { cwd: root });
  mkdirSync(unpacked);
  await must(["tar", "-C", folder, "-xf", join(dist, "image.tar")]);
  const [image] = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as [{ Layers: string[] }];
  for (const layer of image.Layers) await must(["tar", "-C", unpacked, "-xf", join(folder, layer)]);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("the image", () => {
  it("is printed by name as the last line", () => {
    expect(printed.trimEnd().split("\n").at(-1)).toBe(imageReference);
    const [image] = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as [{ RepoTags: string[] }];
    expect(image.RepoTags).toEqual([imageReference]);
  });

  it.each([
    ["node", "--version"],
    ["ip", "-V"],
    ["bridge", "-V"],
    ["iptables", "-V"],
    ["iptables-nft-save", "-V"],
    ["iptables-legacy-save", "-V"],
    ["ip6tables-nft-save", "-V"],
    ["ip6tables-legacy-save", "-V"],
    ["nft", "--version"],
    ["ipset", "--version"],
  ])("has %s, which starts", async (...argv) => {
    const result = await inside(...argv);

    expect(result.code, result.stderr).toBe(0);
  });

  it("lists rules with the matches that CNI agents and kube-proxy use", async () => {
    const rule =
      "-s 10.0.0.0/8 -m comment --comment x -m mark ! --mark 0x4000/0x4000 -m addrtype --src-type LOCAL -j MASQUERADE --random-fully";
    const script = `chroot ${unpacked} iptables-nft -t nat -A POSTROUTING ${rule} && chroot ${unpacked} iptables-nft-save -t nat`;

    const result = await run([...apart, "sh", "-c", script]);

    expect(result.stdout).toContain(`-A POSTROUTING ${rule}`);
  });

  it("starts the controller's program", async () => {
    const result = await inside("node", "/opt/cni-migrate/controller.cjs", "no-such-role");

    expect(result.code, result.stderr).toBe(2);
    expect(result.stderr).not.toMatch(/^ +at /m);
  });
});
