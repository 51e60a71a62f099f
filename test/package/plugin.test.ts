import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPrograms } from "../../scripts/build/programs.ts";
import { dist, version } from "../../scripts/project.ts";
import { run } from "../lab/run.ts";

/** Far from node_modules and from the project's package.json. */
const folder = mkdtempSync(join(tmpdir(), "plugin-"));
const plugin = join(folder, "kubectl-cni_migrate");

beforeAll(async () => {
  await buildPrograms(() => {});
  copyFileSync(join(dist, "kubectl-cni_migrate"), plugin);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("the built plugin", () => {
  it("runs alone, with nothing on standard error", async () => {
    const result = await run([plugin, "version", "--client"], { env: { KUBECONFIG: "/dev/null" } });

    expect(result).toEqual({ code: 0, stdout: expect.stringContaining(version), stderr: "" });
  });

  it("runs in the checkout too, where files are ES modules", async () => {
    const result = await run([join(dist, "kubectl-cni_migrate"), "--help"]);

    expect(result).toEqual({ code: 0, stdout: expect.stringContaining("kubectl cni-migrate"), stderr: "" });
  });

  it.each([
    ["18.20.4", 2],
    ["20.18.1", 2],
    ["20.19.0", 0],
    ["22.1.0", 0],
    ["26.10.0", 0],
  ])("with Node %s ends with %i", async (nodeVersion, code) => {
    const preload = join(folder, "version.cjs");
    writeFileSync(
      preload,
      `Object.defineProperty(process.versions, "node", { value: "${nodeVersion}" });
       Object.defineProperty(process, "version", { value: "v${nodeVersion}" });`,
    );

    const result = await run([process.execPath, "-r", preload, plugin, "--help"]);

    expect(result.code).toBe(code);
    expect(result.stderr).toBe(
      code === 0
        ? ""
        : `kubectl cni-migrate needs Node 20.19 or newer, but ${process.execPath} is v${nodeVersion}; put a newer one first on the PATH\n`,
    );
  });

  it("answers kubectl's questions for completions", async () => {
    const env = { PATH: `${dist}:${process.env.PATH}` };

    const result = await run([join(dist, "kubectl_complete-cni_migrate"), "sta"], { env });

    expect(result.code, result.stderr).toBe(0);
    expect(result.stdout).toMatch(/^start\t.+\nstatus\t.+\n:4\n$/);
  });

  it("is the same to the byte when built again", async () => {
    const before = await run(["sha256sum", join(dist, "kubectl-cni_migrate"), join(dist, "controller.cjs")]);

    await buildPrograms(() => {});

    const after = await run(["sha256sum", join(dist, "kubectl-cni_migrate"), join(dist, "controller.cjs")]);
    expect(after.stdout).toBe(before.stdout);
  });
});
