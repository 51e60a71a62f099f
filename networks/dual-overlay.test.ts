import { describe, expect, it } from "vitest";
import type { PlanContext } from "./contract.ts";
import {
  exemptionComment,
  exemptionFootprint,
  exemptionRule,
  exemptions,
  secondOf,
  secondPort,
} from "./dual-overlay.ts";
import { isEmpty } from "./footprints.ts";
import { planOfRecording } from "./testing.ts";

const plan: PlanContext = { ...planOfRecording(), second: { cidrs: ["10.245.0.0/16"], subnetLen: 24 } };

describe("networks/dual-overlay", () => {
  it("exempts both ways between the two ranges from masquerading, each family for itself", () => {
    expect(exemptions(plan)).toEqual([
      { from: "10.244.0.0/16", to: "10.245.0.0/16" },
      { from: "10.245.0.0/16", to: "10.244.0.0/16" },
    ]);

    const both = { ...plan, overlay: { ...plan.overlay, cidrs: ["10.244.0.0/16", "fd00:10::/56"] } };
    expect(exemptions(both)).toEqual(exemptions(plan));
    const second = { cidrs: ["10.245.0.0/16", "fd00:20::/56"], subnetLen: 24 };
    expect(exemptions({ ...both, second })).toHaveLength(4);
  });

  it("lets go on what kube-proxy wants to be masqueraded, and bears its mark", () => {
    expect(exemptionRule({ from: "10.244.0.0/16", to: "10.245.0.0/16" }).join(" ")).toBe(
      `-s 10.244.0.0/16 -d 10.245.0.0/16 -m mark ! --mark 0x4000/0x4000 -m comment --comment ${exemptionComment} -j ACCEPT`,
    );
    expect(isEmpty(exemptionFootprint)).toBe(false);
    expect(exemptionFootprint.comments).toEqual([exemptionComment]);
  });

  it.each([
    [8472, 8472, undefined, 8473],
    [4789, 8472, undefined, 8472],
    [8472, 8472, 9000, 9000],
  ])("source on port %i, usual %i, asked %s: %i", (source, usual, asked, port) => {
    expect(secondPort({ port: source }, usual, asked)).toBe(port);
  });

  it("a plan of one shared overlay has no second one", () => {
    expect(() => secondOf(planOfRecording())).toThrow(TypeError);
    expect(secondOf(plan).cidrs).toEqual(["10.245.0.0/16"]);
  });
});
