import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CniMigration, crdObjects, type NodeMigration } from "../../crds/index.ts";
import { accepted, base, type Case, refused } from "./crds-cases.ts";
import { type Answer, type CrdServer, startCrdServer } from "./crds-server.ts";

const group = "/apis/cni-migrate.io/v1alpha1";
const plural = { CniMigration: "cnimigrations", NodeMigration: "nodemigrations" };

let server: CrdServer;
const answers = new Map<Case, Answer>();

beforeAll(async () => {
  server = await startCrdServer();
  const [updates, creations] = split([...accepted, ...refused], (some) => some.before !== undefined);
  await Promise.all(creations.map(async (some) => answers.set(some, await tried(some))));
  for (const some of updates) answers.set(some, await tried(some));
});

afterAll(() => server?.stop());

describe("the API server takes", () => {
  it.each(titled(accepted))("%s", (_, some) => {
    const answer = answers.get(some);
    expect(answer?.body.message).toBeUndefined();
    expect([200, 201]).toContain(answer?.status);
  });
});

describe("the API server refuses", () => {
  it.each(titled(refused))("%s", (_, some) => {
    const answer = answers.get(some);
    expect(answer?.status).toBe(422);
    const field = some.field === "" ? "<nil>" : some.field;
    const messages = causesOf(answer).filter((c) => c.field === field);
    for (const text of some.says) expect(messages.map((c) => c.message).join("\n")).toContain(text);
  });

  it("by every rule of both schemas", () => {
    const seen = new Set(
      refused.flatMap((r) => causesOf(answers.get(r)).map((c) => `${r.kind} ${endOf(c.message)} ${plain(c.field)}`)),
    );
    const unseen = rulesOfSchemas().filter(
      ({ kind, field, message }) => !seen.has(`${kind} ${endOf(message)} ${field}`),
    );
    expect(unseen).toEqual([]);
  });
});

describe("a CniMigration", () => {
  it("gets the defaults of the contract", async () => {
    const made = await create<CniMigration>("CniMigration", "defaults");
    expect(made.spec).toEqual({
      source: "flannel",
      target: "calico",
      batchSize: 1,
      direction: "Forward",
      paused: false,
      drain: { timeout: "10m", gracePeriodSeconds: -1, deleteEmptyDirData: true, force: false, disableEviction: false },
      verify: { enabled: true, timeout: "2m" },
    });
  });

  it("is Reconciling and not yet Succeeded from the moment it is made, whoever reads it", async () => {
    const made = await create<CniMigration>("CniMigration", "fresh");
    const read = await server.mustSend<CniMigration>("GET", `${group}/cnimigrations/fresh`);
    for (const { status } of [made, read]) {
      expect(status?.summary).toBe("Pending");
      expect(status?.conditions?.map(({ type, status, reason }) => [type, status, reason])).toEqual([
        ["Reconciling", "True", "Pending"],
        ["Succeeded", "Unknown", "Pending"],
      ]);
      expect(status?.conditions?.map((c) => c.lastTransitionTime)).toEqual(Array(2).fill("1970-01-01T00:00:00Z"));
    }
    await expect(server.kubectl("wait", "--for=condition=Succeeded", "--timeout=0", "cnim/fresh")).rejects.toThrow(
      /condition not met/,
    );
    await server.kubectl("wait", "--for=condition=Reconciling", "--timeout=0", "cnim/fresh");
  });

  it("cannot be made with a status of the user's own", async () => {
    const status = { summary: "Succeeded", conditions: [condition("Succeeded", "True")] };
    const object = { ...objectOf("CniMigration", "liar", base.CniMigration), status };
    const made = await server.mustSend<CniMigration>("POST", `${group}/cnimigrations`, object);
    expect(made.status?.conditions?.find((c) => c.type === "Succeeded")?.status).toBe("Unknown");
  });

  it("loses unknown fields, podStrategy among them, and says so when asked to be strict", async () => {
    const object = objectOf("CniMigration", "pruned", { ...base.CniMigration, podStrategy: "Adopt" });
    const path = `${group}/cnimigrations`;
    const strict = await server.send("POST", `${path}?fieldValidation=Strict`, object);
    expect([strict.status, strict.body.message]).toEqual([
      400,
      expect.stringContaining('unknown field "spec.podStrategy"'),
    ]);
    expect((await server.mustSend<CniMigration>("POST", path, object)).spec).not.toHaveProperty("podStrategy");
  });

  it("counts a generation for a change of spec only", async () => {
    const made = await create<CniMigration>("CniMigration", "counted");
    const written = await merge<CniMigration>("cnimigrations/counted/status", { status: { observedGeneration: 1 } });
    const changed = await merge<CniMigration>("cnimigrations/counted", { spec: { paused: true } });
    expect([made, written, changed].map((m) => m.metadata.generation)).toEqual([1, 1, 2]);
  });

  it("keeps a first status write and the default conditions side by side", async () => {
    await create("CniMigration", "written");
    const written = await merge<CniMigration>("cnimigrations/written/status", { status: { progress: "0/3" } });
    expect(written.status?.conditions?.map((c) => c.type)).toEqual(["Reconciling", "Succeeded"]);
  });

  it("lets two managers own one condition each", async () => {
    await create("CniMigration", "shared");
    for (const type of ["TargetInstalled", "PreflightPassed"]) {
      const patch = { ...objectOf("CniMigration", "shared"), status: { conditions: [condition(type, "True")] } };
      await server.mustSend(
        "PATCH",
        `${group}/cnimigrations/shared/status?fieldManager=${type}`,
        patch,
        "apply-patch+yaml",
      );
    }
    const read = await server.mustSend<CniMigration>("GET", `${group}/cnimigrations/shared`);
    const types = read.status?.conditions?.map((c) => c.type);
    expect(types).toEqual(expect.arrayContaining(["TargetInstalled", "PreflightPassed"]));
  });

  it("shows SOURCE TARGET NODES STATUS AGE, with -o wide MESSAGE", async () => {
    await create("CniMigration", "shown");
    await merge("cnimigrations/shown/status", {
      status: { progress: "1/3", summary: "Migrating", message: "node n2: Drain" },
    });
    const [head, row] = await server.rows("get", "cnim", "shown");
    expect(head).toEqual(["NAME", "SOURCE", "TARGET", "NODES", "STATUS", "AGE"]);
    expect(row).toEqual(["shown", "flannel", "calico", "1/3", "Migrating", expect.stringMatching(/^\d+s$/)]);
    const [wideHead, wideRow] = await server.rows("get", "cnimigration", "shown", "-o", "wide");
    expect([wideHead?.at(-1), wideRow?.at(-1)]).toEqual(["MESSAGE", "node n2: Drain"]);
  });
});

describe("a NodeMigration", () => {
  it("starts Pending, Reconciling and not Succeeded, forward", async () => {
    const made = await create<NodeMigration>("NodeMigration", "n1");
    expect(made.spec.direction).toBe("Forward");
    expect(made.status).toMatchObject({ step: "Pending", summary: "Pending" });
    await expect(server.kubectl("wait", "--for=condition=Succeeded", "--timeout=0", "nodemig/n1")).rejects.toThrow(
      /condition not met/,
    );
  });

  it("shows STEP STATUS BLOCKED-BY AGE", async () => {
    await create("NodeMigration", "n2", { nodeName: "n2" });
    const blockedBy = "PodDisruptionBudget shop/cart";
    await merge("nodemigrations/n2/status", { status: { step: "Drain", summary: "Draining", blockedBy } });
    const [head, row] = await server.rows("get", "nodemigrations", "n2");
    expect(head).toEqual(["NAME", "STEP", "STATUS", "BLOCKED-BY", "AGE"]);
    expect(row?.slice(0, 4)).toEqual(["n2", "Drain", "Draining", blockedBy]);
  });

  it("is listed with the migrations in the category cni-migrate", async () => {
    expect(await server.kubectl("api-resources", "--categories=cni-migrate", "-o", "name")).toBe(
      "cnimigrations.cni-migrate.io\nnodemigrations.cni-migrate.io\n",
    );
  });

  it("holds what a node full of pods needs, and no more", async () => {
    await create("NodeMigration", "n3", { nodeName: "n3" });
    const pods = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ namespace: "shop", name: `cart-${i}`, uid: `${i}` }));
    const path = `${group}/nodemigrations/n3/status`;
    const status = (count: number) => ({ status: { recycle: pods(count), drain: { pending: pods(count) } } });
    expect((await server.send("PATCH", path, status(1000), "merge-patch+json")).status).toBe(200);
    const answer = await server.send("PATCH", path, status(1001), "merge-patch+json");
    expect(answer.body.message).toMatch(/status.recycle: Too many: 1001: must have at most 1000 items/);
  });

  it.each([
    ["a step that is none", { step: "Dance" }, "status.step"],
    [
      "a condition twice",
      { conditions: [condition("Drained", "True"), condition("Drained", "False")] },
      "status.conditions[1]",
    ],
    ["a step's times twice", { steps: [{ name: "Drain" }, { name: "Drain" }] }, "status.steps[1]"],
    [
      "a reason of two words",
      { conditions: [{ ...condition("Drained", "True"), reason: "two words" }] },
      "status.conditions[0].reason",
    ],
  ])("refuses a status with %s", async (_, status, field) => {
    await server.send(
      "POST",
      `${group}/nodemigrations`,
      objectOf("NodeMigration", "n4", { ...base.NodeMigration, nodeName: "n4" }),
    );
    const answer = await server.send("PATCH", `${group}/nodemigrations/n4/status`, { status }, "merge-patch+json");
    expect(answer.status).toBe(422);
    expect(causesOf(answer).map((c) => c.field)).toContain(field);
  });
});

describe("kubectl explain", () => {
  it.each(["cnimigration.spec.cidr", "cnimigration.spec.drain.timeout", "nodemigration.status.step"])(
    "tells about %s",
    async (field) => {
      expect(await server.kubectl("explain", field)).toMatch(/DESCRIPTION:\n {4}\w[^\n]{20,}/);
    },
  );
});

type Kind = keyof typeof plural;

function objectOf(kind: Kind, name: string, spec?: object): Record<string, unknown> {
  return { apiVersion: "cni-migrate.io/v1alpha1", kind, metadata: { name }, ...(spec === undefined ? {} : { spec }) };
}

function condition(type: string, status: string): Record<string, string> {
  return { type, status, reason: "Progressing", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" };
}

function create<T>(kind: Kind, name: string, spec: object = {}): Promise<T> {
  return server.mustSend<T>("POST", `${group}/${plural[kind]}`, objectOf(kind, name, { ...base[kind], ...spec }));
}

function merge<T>(path: string, patch: unknown): Promise<T> {
  return server.mustSend<T>("PATCH", `${group}/${path}`, patch, "merge-patch+json");
}

/** The answer to one case; nothing is left behind. */
async function tried({ kind, name = kind === "NodeMigration" ? "n1" : "tried", spec, before }: Case): Promise<Answer> {
  const path = `${group}/${plural[kind]}`;
  const object = objectOf(kind, name, { ...base[kind], ...spec });
  if (before === undefined) return server.send("POST", `${path}?dryRun=All`, object);
  const made = await server.mustSend<CniMigration>("POST", path, objectOf(kind, name, { ...base[kind], ...before }));
  const { resourceVersion } = made.metadata;
  const answer = await server.send("PUT", `${path}/${name}?dryRun=All`, {
    ...object,
    metadata: { name, resourceVersion },
  });
  await server.mustSend("DELETE", `${path}/${name}`);
  return answer;
}

function titled<T extends Case>(cases: readonly T[]): [string, T][] {
  return cases.map((some) => [`${some.kind} with ${some.title}`, some]);
}

function split<T>(list: readonly T[], test: (entry: T) => boolean): [T[], T[]] {
  return [list.filter(test), list.filter((entry) => !test(entry))];
}

function causesOf(answer: Answer | undefined): { field: string; message: string }[] {
  return answer?.body.details?.causes ?? [];
}

/** The cure: what follows the last semicolon, without values. */
function endOf(message: string): string {
  return message.slice(message.lastIndexOf(";") + 1).trim();
}

function plain(field: string): string {
  return field.replaceAll(/\[\d+\]/g, "[]");
}

interface Schema {
  properties?: Record<string, Schema>;
  items?: Schema;
  "x-kubernetes-validations"?: { message: string; fieldPath?: string }[];
}

function rulesOfSchemas(): { kind: string; field: string; message: string }[] {
  return crdObjects.flatMap((crd) => {
    type Spec = { names: { kind: string }; versions: [{ schema: { openAPIV3Schema: Schema } }] };
    const { names, versions } = crd.spec as Spec;
    return rulesOf(versions[0].schema.openAPIV3Schema, "").map((rule) => ({ kind: names.kind, ...rule }));
  });
}

function rulesOf(schema: Schema, path: string): { field: string; message: string }[] {
  const rules = schema["x-kubernetes-validations"] ?? [];
  return [
    ...rules.map(({ message, fieldPath = "" }) => {
      return { field: `${path}${fieldPath}`.replace(/^\./, "") || "<nil>", message };
    }),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, part]) => rulesOf(part, `${path}.${name}`)),
    ...(schema.items === undefined ? [] : rulesOf(schema.items, `${path}[]`)),
  ];
}
