import { describe, expect, it } from "vitest";
import { hasLabels, parseSelector, selectorText, selects } from "./labels.ts";
import type { LabelSelector } from "./objects.ts";

const labels = { app: "web", tier: "front", "example.com/a": "" };

describe("selects", () => {
  it.each<[string, LabelSelector | undefined, boolean]>([
    ["a missing selector takes nothing", undefined, false],
    ["an empty one takes everything", {}, true],
    ["equality", { matchLabels: { app: "web" } }, true],
    ["another value", { matchLabels: { app: "db" } }, false],
    ["all of several", { matchLabels: { app: "web", tier: "back" } }, false],
    ["In", { matchExpressions: [{ key: "app", operator: "In", values: ["db", "web"] }] }, true],
    ["In of a key that is missing", { matchExpressions: [{ key: "x", operator: "In", values: [""] }] }, false],
    ["NotIn", { matchExpressions: [{ key: "app", operator: "NotIn", values: ["web"] }] }, false],
    ["NotIn of a key that is missing", { matchExpressions: [{ key: "x", operator: "NotIn", values: ["web"] }] }, true],
    ["Exists, empty value", { matchExpressions: [{ key: "example.com/a", operator: "Exists" }] }, true],
    ["DoesNotExist", { matchExpressions: [{ key: "app", operator: "DoesNotExist" }] }, false],
    [
      "labels and expressions together",
      { matchLabels: { app: "web" }, matchExpressions: [{ key: "x", operator: "Exists" }] },
      false,
    ],
    ["a key every JavaScript object has", { matchExpressions: [{ key: "constructor", operator: "Exists" }] }, false],
  ])("%s", (_, selector, expected) => {
    expect(selects(selector, labels)).toBe(expected);
  });

  it("treats an object without labels as one with none", () => {
    expect(selects({ matchLabels: { a: "b" } }, undefined)).toBe(false);
    expect(selects({ matchExpressions: [{ key: "a", operator: "DoesNotExist" }] }, undefined)).toBe(true);
  });
});

describe("hasLabels", () => {
  it("asks for each label of the map", () => {
    expect(hasLabels({ app: "web" }, labels)).toBe(true);
    expect(hasLabels({ app: "web", x: "y" }, labels)).toBe(false);
    expect(hasLabels({}, undefined)).toBe(true);
  });
});

describe("the text form", () => {
  it.each([
    ["app=web", true],
    ["app==web,tier=front", true],
    ["app!=web", false],
    ["app in (db, web),tier notin (back)", true],
    ["example.com/a", true],
    ["!example.com/a", false],
    ["", true],
  ])('"%s" means %s', (text, expected) => {
    expect(selects(parseSelector(text), labels)).toBe(expected);
  });

  it.each(["a=b=c", "=b", "a in b", "a in (b", "a,,b", "a b", "-a", "a=(b)"])('"%s" is refused', (text) => {
    expect(() => parseSelector(text)).toThrow(SyntaxError);
  });

  it("comes out of a selector as it goes in", () => {
    const text = "app=web,tier in (a,b),x!=y,z notin (a,b),e,!f";

    expect(selectorText(parseSelector(text))).toBe(text);
    expect(selectorText({ matchLabels: { a: "b" } })).toBe("a=b");
  });
});
