import { describe, expect, it } from "vitest";
import { normalName, pointOf, type Surroundings, writeOf } from "./points.ts";

const around: Surroundings = {
  nodeOfPod: (_, name) => (name === "web-4xk2p" ? "n2" : undefined),
  stepOf: (node) => (node === "n2" ? "Drain" : undefined),
};

const nodeMigrations = "/apis/cni-migrate.io/v1alpha1/nodemigrations";

describe("the name of a point", () => {
  it.each([
    [
      "PATCH",
      `${nodeMigrations}/n2/status`,
      { status: { step: "LeaveSource", steps: [], message: "x" } },
      "patch nodemigrations/status n2 {step=LeaveSource} @n2 Drain",
    ],
    [
      "PATCH",
      `${nodeMigrations}/n2/status`,
      { status: { message: "pod web-4xk2p stays" } },
      'patch nodemigrations/status n2 {message "pod web-* stays"} @n2 Drain',
    ],
    [
      "PATCH",
      "/api/v1/nodes/n2?fieldManager=x",
      { metadata: { labels: { a: "b" } }, spec: { unschedulable: true } },
      "patch nodes n2 {a=b, spec.unschedulable} @n2 Drain",
    ],
    [
      "POST",
      "/api/v1/namespaces/shop/pods/web-4xk2p/eviction",
      { metadata: { name: "web-4xk2p" } },
      "evict pods/eviction web-* @n2 Drain",
    ],
    [
      "POST",
      "/api/v1/namespaces/cni-migrate/pods",
      { metadata: { name: "switch-n2-0123abcd" }, spec: { nodeName: "n2" } },
      "create pods switch-n2-* @n2 Drain",
    ],
    ["DELETE", "/api/v1/namespaces/cni-migrate/pods/gone", {}, "delete pods gone @-"],
    [
      "POST",
      "/apis/events.k8s.io/v1/namespaces/default/events",
      {
        metadata: { name: "n2.1" },
        regarding: { kind: "NodeMigration", name: "n2" },
        reason: "Drained",
        action: "Drain",
      },
      "create events NodeMigration n2 Drained Drain @n2 Drain",
    ],
    [
      "POST",
      "/apis/coordination.k8s.io/v1/namespaces/cni-migrate/leases",
      { metadata: { name: "l" } },
      "create leases l @-",
    ],
  ])("%s %s", (method, url, body, expected) => {
    const write = writeOf(method, url, JSON.stringify(body));

    expect(write && pointOf(write, around)).toBe(expected);
  });

  it("is none for what comes by the clock, and for what only reads", () => {
    const renewal = writeOf("PUT", "/apis/coordination.k8s.io/v1/namespaces/cni-migrate/leases/l", "{}");

    expect(renewal && pointOf(renewal, around)).toBeUndefined();
    expect(writeOf("GET", "/api/v1/nodes", "")).toBeUndefined();
  });

  it.each([
    ["web-4xk2p", "web-*"],
    ["calico-kube-controllers-5f7b565748-fc7mk", "calico-kube-controllers-*"],
    ["switch-n2-0123abcd", "switch-n2-*"],
    ["vxlan-tunnel-addr-n1", "vxlan-tunnel-addr-n1"],
    ["10-244-0-64-26", "10-244-0-64-26"],
    ["default", "default"],
  ])("leaves out of %s what is made up for each run", (name, expected) => {
    expect(normalName(name)).toBe(expected);
  });
});
