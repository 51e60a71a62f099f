import { describe, expect, it } from "vitest";
import type { Finding } from "../../networks/contract.ts";
import { sentence } from "./preflight.ts";

function finding(number: number): Finding {
  return {
    severity: "blocker",
    reason: "PodCIDRMissing",
    what: `it has no podCIDR (${number})`,
    where: `node n${number}`,
    cure: "set one",
  };
}

describe("sentence", () => {
  it.each([
    [0, "the source network was not found; kubectl cni-migrate plan says more"],
    [1, "node n1: it has no podCIDR (1); set one"],
    [
      3,
      "node n1: it has no podCIDR (1); set one | node n2: it has no podCIDR (2); set one | node n3: it has no podCIDR (3); set one",
    ],
    [
      5,
      "node n1: it has no podCIDR (1); set one | node n2: it has no podCIDR (2); set one | node n3: it has no podCIDR (3); set one (and 2 more: kubectl cni-migrate plan lists them)",
    ],
  ])("of %i blockers names where, what and the cure of three at most", (count, text) => {
    expect(sentence(Array.from({ length: count }, (_, i) => finding(i + 1)))).toBe(text);
  });
});
