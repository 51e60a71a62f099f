import { describe, expect, it } from "vitest";
import type { PlanContext } from "../contract.ts";
import { planOfRecording } from "../testing.ts";
import { reserve } from "./as-source.ts";

const plan: PlanContext = {
  ...planOfRecording(),
  second: { cidrs: ["10.245.0.0/16"], subnetLen: 24 },
};
const source = { ...plan.source, agent: { namespace: "calico-system", daemonSets: ["calico-node"], podLabels: {} } };
const changes = reserve({ ...plan, source });

describe("Calico beside another overlay", () => {
  it("is told how to find its nodes' addresses, and that the other range is pods'", () => {
    expect(changes).toMatchObject([
      {
        change: "env",
        key: { namespace: "calico-system", name: "calico-node" },
        container: "calico-node",
        name: "IP_AUTODETECTION_METHOD",
        value: "kubernetes-internal-ip",
      },
      {
        change: "create",
        object: { kind: "IPPool", spec: { cidr: "10.245.0.0/16", disabled: true, natOutgoing: false } },
        transient: true,
      },
    ]);
  });

  it.each([
    ["first-found", false],
    ["", false],
    ["skip-interface=docker.*", false],
    ["interface=eth1", true],
    ["can-reach=8.8.8.8", true],
    ["cidr=172.30.0.0/24", true],
  ])("a method %o of the user's stays: %o", (method, stays) => {
    const [variable] = changes;

    expect(variable?.change === "env" && variable.keeps?.(method)).toBe(stays);
  });

  it.each<[string, Record<string, unknown>, string | undefined]>([
    ["of an earlier try", { cidr: "10.245.0.0/16", disabled: true }, undefined],
    ["that gives out addresses", { cidr: "10.245.0.0/16" }, "it is not a disabled pool of 10.245.0.0/16"],
    ["of another range", { cidr: "10.9.0.0/16", disabled: true }, "it is not a disabled pool of 10.245.0.0/16"],
  ])("a pool by that name %s", (_, spec, expected) => {
    const [, pool] = changes;
    const existing = {
      apiVersion: "crd.projectcalico.org/v1",
      kind: "IPPool",
      metadata: { name: "cni-migrate" },
      spec,
    };

    expect(pool?.change === "create" && pool.accepts(existing)).toBe(expected);
  });
});
