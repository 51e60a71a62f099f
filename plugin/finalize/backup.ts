import { constants } from "node:fs";
import { access, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { stringify } from "yaml";
import type { UnknownObject } from "../../kube/types.ts";
import { inTiers } from "../apply.ts";
import { CliError, usageError } from "../errors.ts";
import { essence } from "./essence.ts";
import { exactJson } from "./exact-json.ts";

/** "flannel-to-calico-removed-20261121-193600.yaml", in the working directory. */
export function defaultBackup(migration: string, now: Date): string {
  const stamp = now
    .toISOString()
    .replace(/\.\d+Z$/, "")
    .replace(/[-:]/g, "")
    .replace("T", "-");
  return `${migration}-removed-${stamp}.yaml`;
}

/**
 * Objects as kubectl apply takes them back: without what the API server has written, in an order in which each finds what it
 * needs. Owners that go too are left out: their UIDs will mean nothing. Pure.
 */
export function restorable(objects: readonly UnknownObject[]): UnknownObject[] {
  const gone = new Set(objects.map((object) => object.metadata.uid));
  return inTiers(objects).flatMap((tier) => tier.map((object) => essential(object, gone)));
}

/** A Secret without what is in it: whoever applied it has it in a file of their own. Any other object as it is. Pure. */
export function withoutKeys(object: UnknownObject): UnknownObject {
  if (object.apiVersion !== "v1" || object.kind !== "Secret") return object;
  const { data: _, stringData: __, ...rest } = object;
  return rest as UnknownObject;
}

/** The file's text. `notes` stand at its head. Strings that YAML 1.1, which kubectl reads, would take for others are quoted. */
export function backupText(
  objects: readonly UnknownObject[],
  notes: readonly string[],
  format: "json" | "yaml" = "yaml",
): string {
  if (format === "json") return objects.map((object) => `${exactJson(object)}\n`).join("");
  const options = { version: "1.1", lineWidth: 0, aliasDuplicateObjects: false } as const;
  return (
    notes.map((note) => `# ${note.replace(/\s+/g, " ")}\n`).join("") +
    objects.map((object) => stringify(object, options)).join("---\n")
  );
}

/** Throws a usage error when the file cannot be made: asked before anything else is done. */
export async function checkBackup(path: string): Promise<void> {
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (exists) throw usageError(`--backup ${path}: the file exists; give another name`);
  try {
    await access(dirname(resolve(path)), constants.W_OK);
  } catch (error) {
    throw usageError(`--backup ${path}: ${(error as Error).message}; give a file in a directory you may write to`);
  }
}

/** Only its owner may read it: Secrets may be in it. On the disk when this returns; a file that is there stays as it is. */
export async function writeBackup(path: string, text: string): Promise<void> {
  try {
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new CliError("failed", `${path}: ${(error as Error).message}; nothing was changed`, error);
  }
}

function essential(object: UnknownObject, gone: ReadonlySet<string | undefined>): UnknownObject {
  const { apiVersion, kind, metadata, ...rest } = essence(object);
  const owners = (object.metadata.ownerReferences ?? []).filter(({ uid }) => !gone.has(uid));
  const owned = owners.length === 0 ? {} : { ownerReferences: owners };
  return { apiVersion, kind, metadata: { ...metadata, ...owned }, ...essentialRest(kind, rest) };
}

/** A namespace's finalizers and a Service's addresses are the API server's to give. */
function essentialRest(kind: string, rest: Record<string, unknown>): Record<string, unknown> {
  if (kind === "Namespace") return {};
  const spec = rest.spec as Record<string, unknown> | undefined;
  if (kind !== "Service" || spec === undefined || spec.clusterIP === "None") return rest;
  const { clusterIP: _, clusterIPs: __, ...others } = spec;
  return { ...rest, spec: others };
}
