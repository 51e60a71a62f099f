import { type Document, Lexer, LineCounter, type ParsedNode, parseAllDocuments, type ScalarTag, type Tags } from "yaml";
import type { UnknownObject } from "../kube/types.ts";
import type { Finding } from "./contract.ts";
import { blocker } from "./findings.ts";
import { groupOf, placeOf } from "./objects.ts";

/** Why a manifest cannot be used: one line with file, line and column where there is one, and what to do. */
export class ManifestError extends Error {
  override readonly name = "ManifestError";
}

/** Largest manifest read, in bytes of UTF-8: etcd takes no object above 1.5 MiB, and the largest known install has 3 MiB. */
const maxBytes = 10 * 1024 * 1024;
/** How many values aliases may stand for in one document. No known install uses any; a "billion laughs" uses billions. */
const maxAliases = 100;
/** Deepest nesting read. The parser calls itself once a level and would take the process down before it runs out of text. */
const maxDepth = 500;

/** Numbers as kubectl reads them: a leading zero means octal (defaultMode: 0444), which YAML 1.2 takes for decimal. */
const octal: ScalarTag = {
  tag: "tag:yaml.org,2002:int",
  default: true,
  test: /^[-+]?0[0-7]+$/,
  resolve: (text) => Number.parseInt(text, 8),
};

/** Kinds an install of a network may bring, by API group. The network's own groups are added by the caller. */
const installKinds: Record<string, readonly string[]> = {
  "": ["Namespace", "ServiceAccount", "ConfigMap", "Secret", "Service"],
  apps: ["DaemonSet", "Deployment"],
  policy: ["PodDisruptionBudget"],
  "scheduling.k8s.io": ["PriorityClass"],
  "rbac.authorization.k8s.io": ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
  "apiextensions.k8s.io": ["CustomResourceDefinition"],
};

/**
 * Objects of a YAML or JSON text, as a person would give to kubectl apply: several documents, Lists taken apart, empty
 * documents passed over. `file` is its name in messages. Throws ManifestError.
 */
export function parseManifests(text: string, file: string): UnknownObject[] {
  if (Buffer.byteLength(text) > maxBytes)
    throw new ManifestError(
      `${file}: larger than ${maxBytes / 1024 / 1024} MiB; give the network's own manifests only`,
    );
  const lines = new LineCounter();
  checkDepth(text, file);
  const objects = documentsOf(text, file, lines).flatMap((document) => objectsOf(document, file, lines));
  if (objects.length === 0)
    throw new ManifestError(`${file}: there is no object in it; give the network's own manifests`);
  return objects;
}

/** One finding for each kind of object an install of a network has no use for; `ownGroups` are the network's API groups. */
export function checkKinds(objects: readonly UnknownObject[], ownGroups: readonly string[]): Finding[] {
  const foreign = objects.filter(({ apiVersion, kind }) => {
    const group = groupOf(apiVersion);
    return !ownGroups.includes(group) && !(installKinds[group]?.includes(kind) ?? false);
  });
  return foreign.map((object) =>
    blocker(
      "UnexpectedKind",
      `${object.kind} (${object.apiVersion}) is not part of a network's install`,
      placeOf(object),
      "take it out of the file and apply it with kubectl",
    ),
  );
}

/** An upper bound of the nesting: open brackets, list marks of the line, and columns it is indented by. */
function checkDepth(text: string, file: string): void {
  let [flow, marks, indent, line] = [0, 0, 0, 1];
  let atStart = true;
  for (const token of new Lexer().lex(text)) {
    if (token.includes("\n")) {
      line += token.split("\n").length - 1;
      [marks, indent, atStart] = [0, 0, true];
      continue;
    }
    if (token === "[" || token === "{") flow++;
    else if (token === "]" || token === "}") flow = Math.max(0, flow - 1);
    else if (token === "-" || token === "?") marks++;
    else if (atStart && token.trim() === "") indent += token.length;
    atStart &&= token.trim() === "";
    if (flow + marks + indent > maxDepth)
      throw new ManifestError(`${file}:${line}: nested deeper than ${maxDepth} levels; correct the file`);
  }
}

function documentsOf(text: string, file: string, lines: LineCounter): Document.Parsed[] {
  const options = { lineCounter: lines, prettyErrors: false, customTags: (tags: Tags) => [octal, ...tags] };
  const parsed = parseAllDocuments(text, options);
  const documents: Document.Parsed[] = Array.isArray(parsed) ? parsed : [];
  for (const { errors } of documents) {
    const [error] = errors;
    if (error !== undefined) throw at(file, lines, error.pos[0], `${reasonOf(error)}; correct the file`);
  }
  return documents;
}

function objectsOf(document: Document.Parsed, file: string, lines: LineCounter): UnknownObject[] {
  const value = contentOf(document, file);
  if (value === null || value === undefined) return [];
  return flatten(value, (what) => at(file, lines, offsetOf(document.contents), what));
}

function flatten(value: unknown, error: (what: string) => ManifestError): UnknownObject[] {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw error("this is not a Kubernetes object; give YAML or JSON with apiVersion, kind and metadata");
  const { apiVersion, kind, metadata, items } = value as Record<string, unknown>;
  if (typeof apiVersion !== "string" || typeof kind !== "string" || apiVersion === "" || kind === "")
    throw error("an object without apiVersion or kind; add them or remove it");
  if (kind.endsWith("List") && Array.isArray(items)) return items.flatMap((item) => flatten(item, error));
  const name = (metadata as { name?: unknown } | null | undefined)?.name;
  if (typeof name !== "string" || name === "")
    throw error(`a ${kind} without metadata.name; add it or remove the object`);
  return [value as UnknownObject];
}

/** What the library throws while it builds values (too many aliases), told as a fault of the file. */
function contentOf(document: Document.Parsed, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: maxAliases });
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new ManifestError(`${file}: cannot be read as YAML: ${firstLine(what)}; correct the file`, { cause });
  }
}

function reasonOf(error: { code: string; message: string }): string {
  return error.code === "DUPLICATE_KEY" ? "the same key twice in one map" : firstLine(error.message);
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}

function at(file: string, lines: LineCounter, offset: number, what: string): ManifestError {
  const { line, col } = lines.linePos(offset);
  return new ManifestError(`${file}:${line}:${col}: ${what}`);
}

function offsetOf(contents: ParsedNode | null): number {
  return contents?.range[0] ?? 0;
}
