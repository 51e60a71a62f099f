/** One write as it is on the wire. */
export interface Write {
  /** create, patch, replace, delete or evict. */
  verb: string;
  /** Plural, with the subresource: "nodemigrations/status". */
  resource: string;
  namespace: string;
  name: string;
  body: Record<string, unknown>;
}

/** What a point's name needs of the cluster. */
export interface Surroundings {
  /** The node a pod is on. */
  nodeOfPod(namespace: string, name: string): string | undefined;
  /** The step of a node as last written. */
  stepOf(node: string): string | undefined;
}

const verbs: Record<string, string> = { POST: "create", PATCH: "patch", PUT: "replace", DELETE: "delete" };

/** What a request writes; undefined for one that only reads. */
export function writeOf(method: string, url: string, text: string): Write | undefined {
  const verb = verbs[method];
  if (verb === undefined) return undefined;
  const parts = (url.split("?")[0] ?? "").split("/").filter((part) => part !== "");
  const rest = parts.slice(parts[0] === "api" ? 2 : 3);
  const namespace = rest[0] === "namespaces" && rest.length > 2 ? (rest[1] ?? "") : "";
  const [plural = "", name, subresource] = namespace === "" ? rest : rest.slice(2);
  const body = readBody(text);
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
  const named = name ?? (recordOf(body.metadata).name as string | undefined) ?? "";
  return { verb: subresource === "eviction" ? "evict" : verb, resource, namespace, name: named, body };
}

/**
 * The name of a write, the same in every run: what is written, where, and in which step of its node. Which of several equal
 * ones it is, is not in it. Undefined for writes that come by the clock: renewals of the Lease.
 */
export function pointOf(write: Write, around: Surroundings): string | undefined {
  const { verb, resource, body } = write;
  if (resource === "leases" && verb !== "create") return undefined;
  const node = nodeOf(write, around);
  const at = node === undefined ? "-" : `${node} ${around.stepOf(node) ?? "-"}`;
  if (resource === "events") {
    const { kind, name } = recordOf(body.regarding);
    return `${verb} events ${kind} ${normalName(String(name))} ${String(body.reason)} ${String(body.action)} @${at}`;
  }
  const detail = verb === "patch" ? ` {${changesOf(body).join(", ")}}` : "";
  return `${verb} ${resource} ${normalName(write.name)}${detail} @${at}`;
}

/** A name without what is made up for each run: hashes, and the five letters the API server or a controller appends. */
export function normalName(name: string): string {
  return name
    .replace(/-[0-9a-f]{8}$/, "-*")
    .replace(/-[a-f0-9]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}$/, "-*")
    .replace(/-[bcdfghjklmnpqrstvwxz2456789]{5}$/, "-*");
}

function normalText(text: string): string {
  return text
    .split(/(?<=[\s/,;:])|(?=[\s/,;:])/)
    .map(normalName)
    .join("");
}

function nodeOf({ resource, namespace, name, body }: Write, around: Surroundings): string | undefined {
  if (/^(nodes|nodemigrations)(\/|$)/.test(resource)) return name;
  if (/^pods(\/|$)/.test(resource))
    return (recordOf(body.spec).nodeName as string | undefined) ?? around.nodeOfPod(namespace, name);
  const { kind, name: about } = recordOf(body.regarding);
  return kind === "NodeMigration" ? String(about) : undefined;
}

/** Fields of a status that follow from others, and would only say the same again or differ with the moment. */
const derived = new Set(["observedGeneration", "message", "summary", "blockedBy", "steps", "progress", "nodes"]);

/** What a merge patch changes, in a few words. */
function changesOf({ status, spec, metadata }: Record<string, unknown>): string[] {
  const { step, message } = recordOf(status);
  const fields = Object.keys(recordOf(status)).filter((key) => !derived.has(key) && key !== "conditions");
  // A step that ends says so; what goes along with it depends on what was said before.
  const ofStatus = step === undefined ? fields : [`step=${String(step)}`];
  // Where only the summary changes, its text tells one from the other.
  const said = message === undefined ? "status" : `message "${normalText(String(message)).slice(0, 60)}"`;
  const { labels, annotations, finalizers } = recordOf(metadata);
  return [
    ...(status !== undefined && ofStatus.length === 0 ? [said] : ofStatus),
    ...Object.entries(recordOf(labels)).map(([key, value]) => `${key}=${String(value)}`),
    ...Object.keys(recordOf(annotations)).map((key) => `annotation ${key}`),
    ...(finalizers === undefined ? [] : ["finalizers"]),
    ...Object.keys(recordOf(spec)).map((key) => `spec.${key}`),
  ].sort();
}

function readBody(text: string): Record<string, unknown> {
  try {
    return recordOf(JSON.parse(text));
  } catch {
    return {};
  }
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
