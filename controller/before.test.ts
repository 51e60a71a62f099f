import { describe, expect, it } from "vitest";
import { beforeAnnotation } from "../crds/names.ts";
import type { Node } from "../kube/objects.ts";
import type { Network } from "../networks/contract.ts";
import { beforeOf, restorePatch } from "./before.ts";
import { node } from "./testing.ts";

const network = {
  nodeLabels: (state: "in" | "out") => ({ "example.org/on": state }),
  nodeAnnotations: ["example.org/address", "example.org/mac"],
} as unknown as Network;

function withMetadata(labels: Record<string, string>, annotations: Record<string, string>): Node {
  const made = node("n1");
  return { ...made, metadata: { ...made.metadata, uid: "uid-n1", resourceVersion: "7", labels, annotations } };
}

describe("what a node was before", () => {
  it("is put back to the letter, and nothing else is touched", () => {
    const labels = { "example.org/on": "other", zone: "a" };
    const annotations = { "example.org/mac": "aa:bb", note: "mine" };
    const record = beforeOf(withMetadata(labels, annotations), [network]);

    const changed = withMetadata(
      { ...labels, "example.org/on": "in", "cni-migrate.io/network": "calico" },
      { ...annotations, "example.org/mac": "cc:dd", "example.org/address": "192.0.2.1", ...record },
    );

    expect(restorePatch(changed)).toEqual({
      metadata: {
        uid: "uid-n1",
        resourceVersion: "7",
        labels: { "example.org/on": "other", "cni-migrate.io/network": null },
        annotations: { "example.org/mac": "aa:bb", "example.org/address": null, [beforeAnnotation]: null },
      },
    });
  });

  it("is recorded once: later values are ours", () => {
    expect(beforeOf(withMetadata({}, { [beforeAnnotation]: "{}" }), [network])).toEqual({});
    expect(restorePatch(withMetadata({}, {}))).toBeUndefined();
  });

  it.each([
    ["no JSON", "{", {}, {}],
    ["another shape", '{"labels":[1],"annotations":"x"}', {}, {}],
    ["values that are no texts", '{"labels":{"a":1,"b":"c"},"annotations":{"d":null}}', { b: "c" }, { d: null }],
  ])("is read with care when a hand has made it %s", (_title, text, labels, annotations) => {
    expect(restorePatch(withMetadata({}, { [beforeAnnotation]: text }))).toMatchObject({
      metadata: { labels, annotations: { ...annotations, [beforeAnnotation]: null } },
    });
  });
});
