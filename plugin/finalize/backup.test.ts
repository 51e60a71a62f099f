import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import type { UnknownObject } from "../../kube/types.ts";
import { backupText, checkBackup, defaultBackup, restorable, withoutKeys, writeBackup } from "./backup.ts";
import { exactJson, parseExactJson } from "./exact-json.ts";

describe("plugin/finalize/backup", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "cni-migrate-backup-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const object = (kind: string, metadata: object, rest: object = {}): UnknownObject => ({
    apiVersion: "v1",
    kind,
    metadata: { name: "x", ...metadata },
    ...rest,
  });

  it("keeps what a person says and drops what the API server has written", () => {
    const server = { uid: "u", resourceVersion: "1", generation: 3, creationTimestamp: "t", managedFields: [] };
    const meta = {
      ...server,
      namespace: "n",
      labels: { a: "b" },
      finalizers: ["f"],
      annotations: { keep: "me", "kubectl.kubernetes.io/last-applied-configuration": "{}" },
      ownerReferences: [
        { apiVersion: "v1", kind: "Y", name: "y", uid: "gone" },
        { apiVersion: "v1", kind: "Z", name: "z", uid: "there" },
      ],
    };

    const [kept] = restorable([
      object("ConfigMap", meta, { data: { k: "v" }, status: {} }),
      object("Y", { uid: "gone" }),
    ]);

    expect(kept).toEqual({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: "x",
        namespace: "n",
        labels: { a: "b" },
        annotations: { keep: "me" },
        ownerReferences: [{ apiVersion: "v1", kind: "Z", name: "z", uid: "there" }],
      },
      data: { k: "v" },
    });
  });

  it("can leave out what is in a Secret, and nothing else", () => {
    const secret = object("Secret", {}, { type: "Opaque", data: { key: "a2V5" }, stringData: { more: "key" } });
    const map = object("ConfigMap", {}, { data: { key: "v" } });

    expect(withoutKeys(secret)).toEqual(object("Secret", {}, { type: "Opaque" }));
    expect(withoutKeys(map)).toEqual(map);
  });

  it("puts each object behind those it needs", () => {
    const kinds = [
      "Pool",
      "DaemonSet",
      "ClusterRoleBinding",
      "ServiceAccount",
      "Namespace",
      "CustomResourceDefinition",
    ];

    expect(restorable(kinds.map((kind) => object(kind, {}))).map(({ kind }) => kind)).toEqual([
      "CustomResourceDefinition",
      "Namespace",
      "ServiceAccount",
      "ClusterRoleBinding",
      "DaemonSet",
      "Pool",
    ]);
  });

  it("leaves addresses and finalizers for the API server to give", () => {
    const service = object("Service", {}, { spec: { clusterIP: "10.96.0.9", clusterIPs: ["10.96.0.9"], ports: [] } });
    const headless = object("Service", {}, { spec: { clusterIP: "None" } });
    const namespace = object("Namespace", {}, { spec: { finalizers: ["kubernetes"] } });

    expect(restorable([service, headless]).map((o) => o.spec)).toEqual([{ ports: [] }, { clusterIP: "None" }]);
    expect(restorable([namespace])[0]).not.toHaveProperty("spec");
  });

  it("is the same object again as YAML 1.1 reads it, which kubectl does", () => {
    const data = { on: "on", no: "no", octal: "0777", colon: "1:30", null: "~", text: "a\n# b\n", date: "2001-01-01" };
    const text = backupText([object("ConfigMap", {}, { data })], ["a note"]);

    const [first] = parseAllDocuments(text, { version: "1.1" });

    expect(text.startsWith("# a note\n")).toBe(true);
    expect(first?.toJS()).toEqual(object("ConfigMap", {}, { data }));
  });

  it("rounds no integer, and takes no text for one", () => {
    const text =
      '{"sequence":1745312345678901234,"neg":-9223372036854775808,"small":12,"text":"say \\"1745312345678901234\\""}';
    const value = parseExactJson(text);

    expect(exactJson(value)).toContain(
      '"sequence": 1745312345678901234,\n  "neg": -9223372036854775808,\n  "small": 12',
    );
    expect((value as { text: string }).text).toBe('say "1745312345678901234"');
    expect(backupText([value as UnknownObject], [])).toContain(
      "sequence: 1745312345678901234\nneg: -9223372036854775808",
    );
  });

  it("is written for its owner only, and never over another file", async () => {
    const path = join(folder, "b.yaml");

    await writeBackup(path, "first");
    await expect(writeBackup(path, "second")).rejects.toThrow("nothing was changed");
    await expect(checkBackup(path)).rejects.toThrow("the file exists; give another name");
    await expect(checkBackup(join(folder, "none", "b.yaml"))).rejects.toThrow("directory you may write to");

    expect(readFileSync(path, "utf8")).toBe("first");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    writeFileSync(join(folder, "c"), "");
    await expect(checkBackup(join(folder, "d.yaml"))).resolves.toBeUndefined();
  });

  it("has a name that says of what and of when", () => {
    expect(defaultBackup("flannel-to-calico", new Date("2026-11-21T19:36:01.5Z"))).toBe(
      "flannel-to-calico-removed-20261121-193601.yaml",
    );
  });
});
