import { describe, expect, it } from "vitest";
import { checkKinds, ManifestError, parseManifests } from "./manifests.ts";

function messageOf(text: string): string {
  try {
    parseManifests(text, "net.yaml");
  } catch (error) {
    if (error instanceof ManifestError) return error.message;
    throw error;
  }
  return "accepted";
}

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c, namespace: kube-system }\n";

describe("networks/manifests", () => {
  it("reads several documents, takes Lists apart and passes over empty documents", () => {
    const text = `# nothing\n---\n${configMap}---\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: a}}\n- {apiVersion: v1, kind: Service, metadata: {name: b}}\n`;

    const objects = parseManifests(text, "net.yaml");

    expect(objects.map((o) => `${o.kind}/${o.metadata.name}`)).toEqual(["ConfigMap/c", "Secret/a", "Service/b"]);
  });

  it("reads JSON", () => {
    expect(parseManifests('{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"n"}}', "net.json")).toEqual([
      { apiVersion: "v1", kind: "Namespace", metadata: { name: "n" } },
    ]);
  });

  it("takes a number with a leading zero as octal, as kubectl does, and leaves dates and words alone", () => {
    const [object] = parseManifests(`${configMap}mode: 0444\nday: 2001-01-01\nanswer: yes\nid: "0444"\n`, "net.yaml");

    expect(object).toMatchObject({ mode: 0o444, day: "2001-01-01", answer: "yes", id: "0444" });
  });

  it.each([
    ["a key twice", `${configMap}kind: Secret\n`, "net.yaml:4:1: the same key twice in one map; correct the file"],
    [
      "a map that is not closed",
      "a: {b: 1\n",
      "net.yaml:2:1: Flow map in block collection must be sufficiently indented and end with a }; correct the file",
    ],
    ["nothing", "", "net.yaml: there is no object in it; give the network's own manifests"],
    ["comments only", "# a\n---\n# b\n", "net.yaml: there is no object in it; give the network's own manifests"],
    [
      "a web page",
      "<html><body>404</body></html>",
      "net.yaml:1:1: this is not a Kubernetes object; give YAML or JSON with apiVersion, kind and metadata",
    ],
    [
      "no kind",
      `${configMap}---\napiVersion: v1\nmetadata: {name: x}\n`,
      "net.yaml:5:1: an object without apiVersion or kind; add them or remove it",
    ],
    [
      "no name",
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: x-}\n",
      "net.yaml:1:1: a ConfigMap without metadata.name; add it or remove the object",
    ],
    [
      "an alias without an anchor",
      "a: *x\n",
      "net.yaml: cannot be read as YAML: Unresolved alias (the anchor must be set before the alias): x; correct the file",
    ],
    [
      "brackets nested without end",
      `a: ${"[".repeat(20_000)}`,
      "net.yaml:1: nested deeper than 500 levels; correct the file",
    ],
    [
      "lists nested without end",
      `\n${"- ".repeat(20_000)}x`,
      "net.yaml:2: nested deeper than 500 levels; correct the file",
    ],
  ])("refuses %s in one line", (_, text, message) => {
    expect(messageOf(text)).toBe(message);
  });

  it("refuses aliases that multiply", () => {
    const levels = Array.from({ length: 8 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(",")}]`);

    expect(messageOf(`l0: &l0 [x]\n${levels.join("\n")}\n`)).toMatch(
      /^net\.yaml: cannot be read as YAML: Excessive alias count/,
    );
  });

  it("refuses a text above 10 MiB without parsing it", () => {
    expect(messageOf(`a: ${"x".repeat(10 * 1024 * 1024)}`)).toMatch(/^net\.yaml: larger than 10 MiB/);
  });

  it("names each object that has no place in an install", () => {
    const objects = parseManifests(
      "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, namespace: x}\n---\napiVersion: crd.projectcalico.org/v1\nkind: IPPool\nmetadata: {name: p}\n---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: d}\n",
      "net.yaml",
    );

    expect(checkKinds(objects, ["crd.projectcalico.org"])).toEqual([
      {
        severity: "blocker",
        reason: "UnexpectedKind",
        what: "Job (batch/v1) is not part of a network's install",
        where: "job x/j",
        cure: "take it out of the file and apply it with kubectl",
      },
    ]);
    expect(checkKinds(objects, [])).toHaveLength(2);
  });
});
