import { expect, test } from "vitest";
import type { BinarySet } from "./binaries.ts";
import { goOutputName } from "./build.ts";
import { goModText } from "./go-mod.ts";

const set = (facts: Partial<BinarySet>): BinarySet => ({
  id: "thing",
  version: "1.34.4",
  module: "example.org/thing",
  replaces: "none",
  builds: [],
  ...facts,
});

test("a plain module is required at its version, with nothing replaced", () => {
  expect(goModText(set({}), "")).toBe("module lab/thing\n\ngo 1.25.0\n\nrequire example.org/thing v1.34.4\n");
});

test("modules that live in the Kubernetes tree are replaced by their published release", () => {
  const own = "require (\n\tk8s.io/api v0.0.0\n\tk8s.io/klog/v2 v2.130.1\n\tk8s.io/client-go v0.0.0 // indirect\n)\n";
  const text = goModText(set({ replaces: "staging" }), own);
  expect(text).toContain("\tk8s.io/api => k8s.io/api v0.34.4\n");
  expect(text).toContain("\tk8s.io/client-go => k8s.io/client-go v0.34.4\n");
  expect(text).not.toContain("klog");
});

test("a module's own replacements are taken over, comments aside, and pins win", () => {
  const own = [
    "require example.org/other v1.0.0",
    "replace (",
    "\texample.org/api => ./api",
    "",
    "\t// why => not",
    "\texample.org/old v1.2.0 => example.org/new v1.3.0",
    ")",
    "replace example.org/single => example.org/single v0.1.0 // until it is fixed",
  ].join("\n");
  const text = goModText(set({ replaces: "own", pins: { "example.org/api": "example.org/api v0.9.0" } }), own);
  const block = text.slice(text.indexOf("replace (")).trim().split("\n");
  expect(block).toEqual([
    "replace (",
    "\texample.org/api => example.org/api v0.9.0",
    "\texample.org/old => example.org/new v1.3.0",
    "\texample.org/single => example.org/single v0.1.0",
    ")",
  ]);
});

test.each([
  ["k8s.io/kubernetes/cmd/kubelet", "kubelet"],
  ["go.etcd.io/etcd/server/v3", "server"],
  ["github.com/cilium/cilium/daemon", "daemon"],
])("go build names %s %s", (path, name) => {
  expect(goOutputName(path)).toBe(name);
});
