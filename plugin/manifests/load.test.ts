import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testIo } from "../testing/io.ts";
import { loadManifests } from "./load.ts";

describe("plugin/manifests", () => {
  let folder: string;
  let server: Server;
  let url: string;
  const configMap = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "cni-migrate-load-"));
    mkdirSync(join(folder, "set", "deeper"), { recursive: true });
    mkdirSync(join(folder, "none"));
    writeFileSync(join(folder, "set", "b.yml"), configMap("b"));
    writeFileSync(join(folder, "set", "a.yaml"), `\ufeff${configMap("a")}---\n# nothing\n---\n`);
    writeFileSync(join(folder, "set", "notes.txt"), "not a manifest");
    writeFileSync(join(folder, "set", "deeper", "c.yaml"), configMap("c"));
    writeFileSync(join(folder, "broken.yaml"), "a: 1\nb: [\n");
    writeFileSync(join(folder, "twice.yaml"), configMap("a"));
    writeFileSync(join(folder, "empty.yaml"), "# nothing\n");
    writeFileSync(join(folder, "binary"), Buffer.from([0xff, 0xfe, 0x00]));
    server = createServer((request, response) => {
      response.writeHead(request.url === "/there" ? 200 : 404);
      response.end(configMap("u"));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const names = async (sources: string[], stdin = "") =>
    (await loadManifests(sources, testIo({ stdin }))).map((object) => object.metadata.name);

  it("reads folders, addresses and standard input", async () => {
    expect(await names([join(folder, "set")])).toEqual(["a", "b"]);
    expect(await names([`${url}/there`, "-"], configMap("s"))).toEqual(["u", "s"]);
  });

  it.each([
    ["a file that is not there", "missing.yaml", "no such file or folder"],
    ["a folder without manifests", "none", "no file named *.yaml, *.yml or *.json"],
    ["broken YAML, with its place", "broken.yaml", "broken.yaml:"],
    ["a file without objects", "empty.yaml", "there is no object in it"],
    ["what is not text", "binary", "not text (UTF-8)"],
  ])("refuses %s", async (_what, file, message) => {
    await expect(names([join(folder, file)])).rejects.toThrow(message);
  });

  it("refuses an address that has nothing, and one nobody answers at", async () => {
    await expect(names([`${url}/gone`])).rejects.toThrow("the server answered 404");
    await expect(names(["http://127.0.0.1:1/x"])).rejects.toThrow("cannot read http://127.0.0.1:1/x:");
  });

  it("refuses the same object twice and names both places", async () => {
    const files = [join(folder, "set"), join(folder, "twice.yaml")];

    await expect(names(files)).rejects.toThrow(
      `ConfigMap a is given twice, in ${join(folder, "set", "a.yaml")} and in ${join(folder, "twice.yaml")}: remove one`,
    );
  });

  it("does not wait for a terminal to be piped into", async () => {
    await expect(loadManifests(["-"], testIo({ tty: true }))).rejects.toThrow("pipe them in");
  });
});
