import { compile, type JSONSchema } from "json-schema-to-typescript";

/** A node of an OpenAPI v3 schema as a CRD holds it. */
export interface Schema {
  [keyword: string]: unknown;
  description?: string;
  required?: string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema | boolean;
}

/** A CustomResourceDefinition, as far as generation looks at it. */
export interface Crd {
  [field: string]: unknown;
  apiVersion: string;
  kind: string;
  metadata: { name: string; annotations?: Record<string, string> };
  spec: {
    group: string;
    names: { kind: string };
    versions: { name: string; schema: { openAPIV3Schema: Schema } }[];
  };
}

/** Which part of which kind becomes an interface of its own. Parts of one name must have one shape. */
const named: Record<string, Record<string, string>> = {
  CniMigration: {
    spec: "CniMigrationSpec",
    "spec.direction": "Direction",
    "spec.nodeSelector": "LabelSelector",
    "spec.nodeSelector.matchExpressions[]": "LabelSelectorRequirement",
    "spec.drain": "DrainSpec",
    "spec.drain.ignore[]": "DrainIgnoreRule",
    "spec.drain.ignore[].podSelector": "LabelSelector",
    "spec.drain.ignore[].podSelector.matchExpressions[]": "LabelSelectorRequirement",
    "spec.verify": "VerifySpec",
    "spec.flannel": "FlannelOverrides",
    "spec.flannel.daemonSet": "DaemonSetRef",
    "spec.calico": "CalicoOverrides",
    "spec.calico.daemonSet": "DaemonSetRef",
    "spec.cilium": "CiliumOverrides",
    "spec.cilium.daemonSet": "DaemonSetRef",
    status: "CniMigrationStatus",
    "status.nodes": "NodeCounts",
    "status.detected[]": "DetectedValue",
    "status.facts": "MigrationFacts",
    "status.facts.sourceAgent": "AgentFacts",
    "status.facts.targetAgent": "AgentFacts",
    "status.facts.overlay": "OverlayStatus",
    "status.undo[]": "UndoEntry",
    "status.conditions[]": "Condition",
  },
  NodeMigration: {
    spec: "NodeMigrationSpec",
    "spec.direction": "Direction",
    status: "NodeMigrationStatus",
    "status.step": "StepName",
    "status.direction": "Direction",
    "status.steps[]": "StepTimes",
    "status.steps[].name": "StepName",
    "status.tasks[].step": "StepName",
    "status.drain.pending[]": "PendingPod",
    "status.recycle[]": "RecyclePod",
    "status.tasks[]": "HostTaskRecord",
    "status.evidence": "Evidence",
    "status.evidence.checks[]": "CheckResult",
    "status.conditions[]": "Condition",
  },
};

/**
 * TypeScript types of the kinds: one interface a kind, with metadata, and one for every part in `named`.
 * Throws when a part is not in the schema, or two parts of one name differ in more than their own description.
 */
export async function typesOf(crds: readonly Crd[]): Promise<string> {
  const definitions: Record<string, Schema> = {};
  for (const crd of crds) {
    const kind = crd.spec.names.kind;
    const version = crd.spec.versions[0];
    if (version === undefined) throw new Error(`${crd.metadata.name} has no version`);
    const unused = new Set(Object.keys(named[kind] ?? {}));
    const root = convert(version.schema.openAPIV3Schema, "", (path, schema) => {
      const name = named[kind]?.[path];
      if (name === undefined) return schema;
      unused.delete(path);
      define(definitions, name, schema);
      return { ...(schema.description === undefined ? {} : { description: schema.description }), tsType: name };
    });
    if (unused.size > 0)
      throw new Error(`${crd.metadata.name} has no ${[...unused].join(", ")}: correct the list of names`);
    definitions[kind] = withIdentity(root, crd.spec.group, version.name, kind);
  }
  const schema = { title: "Everything", type: "object", additionalProperties: false, definitions };
  const text = await compile(schema as JSONSchema, "Everything", {
    bannerComment: "",
    additionalProperties: false,
    ignoreMinAndMaxItems: true,
    unreachableDefinitions: true,
    style: { printWidth: 120 },
  });
  return tidy(text);
}

/** Takes out the wrapper and what the type generator says about itself and about limits that are no part of a type. */
function tidy(text: string): string {
  return text
    .replace(/export interface Everything \{\s*\}\n*/, "")
    .replace(/^ *\* (This interface was referenced by|via the `definition`|@maxItems|@minItems).*\n/gm, "")
    .replace(/(^ *\*\n)+( *\*\/)/gm, "$2")
    .replace(/^ *\/\*\*\n *\*\/\n/gm, "")
    .replace(/^}\n(?=export|\/\*\*)/gm, "}\n\n");
}

function define(definitions: Record<string, Schema>, name: string, schema: Schema): void {
  const earlier = definitions[name];
  if (earlier === undefined) {
    definitions[name] = schema;
    return;
  }
  if (shapeOf(earlier) !== shapeOf(schema))
    throw new Error(`two parts named ${name} have different schemas: give them two names`);
  delete earlier.description;
}

function shapeOf(schema: Schema): string {
  const { description: _, default: __, ...shape } = schema;
  return JSON.stringify(shape);
}

/** A copy of `schema` the type generator understands; `visit` sees every part after its own parts. */
function convert(schema: Schema, path: string, visit: (path: string, schema: Schema) => Schema): Schema {
  const copy = { ...schema };
  if (schema["x-kubernetes-int-or-string"] === true) copy.anyOf = [{ type: "integer" }, { type: "string" }];
  if (schema.properties !== undefined) {
    const prefix = path === "" ? "" : `${path}.`;
    const entries = Object.entries(schema.properties).map(([key, part]) => [key, convert(part, prefix + key, visit)]);
    copy.properties = Object.fromEntries(entries);
  }
  if (schema.items !== undefined) copy.items = convert(schema.items, `${path}[]`, visit);
  if (typeof schema.additionalProperties === "object") {
    copy.additionalProperties = convert(schema.additionalProperties, `${path}{}`, visit);
  }
  for (const keyword of Object.keys(copy)) if (keyword.startsWith("x-kubernetes-")) delete copy[keyword];
  return path === "" ? copy : visit(path, copy);
}

function withIdentity(root: Schema, group: string, version: string, kind: string): Schema {
  const properties = {
    ...root.properties,
    apiVersion: { type: "string", tsType: `"${group}/${version}"` },
    kind: { type: "string", tsType: `"${kind}"` },
    metadata: { type: "object", tsType: "ObjectMeta" },
  };
  return { ...root, properties, required: ["apiVersion", "kind", "metadata", ...(root.required ?? [])] };
}
