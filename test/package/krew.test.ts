import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPrograms } from "../../scripts/build/programs.ts";
import { type Archive, archives, platforms } from "../../scripts/package/archives.ts";
import { fillManifest } from "../../scripts/package/manifest.ts";
import { root, version } from "../../scripts/project.ts";
import { ensureBinaries } from "../lab/build.ts";
import { run } from "../lab/run.ts";

const folder = mkdtempSync(join(tmpdir(), "krew-"));
const manifest = join(folder, "krew-manifest.yaml");
/** The same under the name it has in krew's index, which its validation insists on. */
const indexed = join(folder, "cni-migrate.yaml");
let made: Archive[];
let programs: Record<"krew" | "validate-krew-manifest" | "kubectl", string>;

beforeAll(async () => {
  await buildPrograms(() => {});
  made = archives();
  for (const { fileName, content } of made) writeFileSync(join(folder, fileName), content);
  writeFileSync(manifest, fillManifest(readFileSync(join(root, "krew-manifest.yaml"), "utf8"), made));
  copyFileSync(manifest, indexed);
  programs = await ensureBinaries(["krew", "validate-krew-manifest", "kubectl"]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A machine of its own for krew: an empty root, in a folder that says its programs are ES modules. */
function machine(os: string, arch: string) {
  const home = mkdtempSync(join(folder, `${os}-${arch}-`));
  const krewRoot = join(home, "krew");
  mkdirSync(krewRoot, { recursive: true });
  writeFileSync(join(home, "package.json"), '{ "type": "module" }');
  const env = {
    HOME: home,
    KUBECONFIG: "/dev/null",
    KREW_ROOT: krewRoot,
    KREW_OS: os,
    KREW_ARCH: arch,
    KREW_NO_UPGRADE_CHECK: "1",
    PATH: [join(krewRoot, "bin"), dirname(process.execPath), "/usr/bin", "/bin"].join(delimiter),
  };
  const archive = join(
    folder,
    made.find(({ platform }) => platform.os === os && platform.arch === arch)?.fileName ?? "",
  );
  return {
    krewRoot,
    install: () => run([programs.krew, "install", `--manifest=${manifest}`, `--archive=${archive}`], { env }),
    /** krew uninstalls only where an index of plugins has been fetched; this one has no plugins. */
    addIndex: () => run(["git", "init", "--quiet", join(krewRoot, "index/default")], { env }),
    krew: (...args: string[]) => run([programs.krew, ...args], { env }),
    kubectl: (...args: string[]) => run([programs.kubectl, ...args], { env }),
  };
}

describe("the krew manifest", () => {
  it("passes krew's own validation", async () => {
    const result = await run([programs["validate-krew-manifest"], "-skip-install", "-manifest", indexed]);

    expect(result.stderr).toContain("structural validation OK");
    expect(result.code, result.stderr).toBe(0);
  });

  it("stays as it is when filled again", () => {
    const filled = readFileSync(manifest, "utf8");

    expect(fillManifest(filled, made)).toBe(filled);
  });

  it("keeps all of the committed text but what the archives decide", () => {
    const committed = readFileSync(join(root, "krew-manifest.yaml"), "utf8");
    const [before] = committed.split("  platforms:");
    const [after] = readFileSync(manifest, "utf8").split("  platforms:");

    expect(after).toBe(before);
  });

  it("has a short description that krew's table shows whole", () => {
    const [, shortDescription = ""] = /shortDescription: (.*)/.exec(readFileSync(manifest, "utf8")) ?? [];

    expect(shortDescription.length).toBeGreaterThan(0);
    expect(shortDescription.length).toBeLessThanOrEqual(50);
  });
});

describe("krew install from the archive, offline", () => {
  it.each(platforms)("puts program, licence and notices in place for $os/$arch", async ({ os, arch }) => {
    const { install, krewRoot } = machine(os, arch);

    const result = await install();

    expect(result.code, result.stderr).toBe(0);
    const store = join(krewRoot, "store/cni-migrate", `v${version}`);
    for (const name of ["kubectl-cni_migrate", "LICENSE", "NOTICES"])
      expect(existsSync(join(store, name)), name).toBe(true);
  });

  it("gives kubectl a plugin that runs, and takes it away again", async () => {
    const { install, addIndex, krew, kubectl, krewRoot } = machine("linux", "amd64");
    await install();
    await addIndex();

    const listed = await kubectl("plugin", "list");
    const ran = await kubectl("cni-migrate", "version", "--client");
    const removed = await krew("uninstall", "cni-migrate");

    expect(listed.stdout).toContain(join(krewRoot, "bin/kubectl-cni_migrate"));
    expect(listed.stderr).not.toContain("warning");
    expect(ran).toEqual({ code: 0, stdout: expect.stringContaining(version), stderr: "" });
    expect(removed.code, removed.stderr).toBe(0);
    expect(existsSync(join(krewRoot, "bin/kubectl-cni_migrate"))).toBe(false);
  });

  it("is refused when the archive is not the one of the manifest", async () => {
    const { krew } = machine("linux", "arm64");
    const other = join(folder, "other.tar.gz");
    writeFileSync(other, Buffer.concat([made[0]?.content ?? Buffer.alloc(0), Buffer.from("x")]));

    const result = await krew("install", `--manifest=${manifest}`, `--archive=${other}`);

    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain("checksum does not match");
  });
});
