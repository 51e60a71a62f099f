import { describe, expect, it } from "vitest";
import type { DaemonSet } from "../../kube/objects.ts";
import { node } from "../testing.ts";
import { canonicalName, imagesOf, isNamedBy, usesPullSecrets } from "./names.ts";

const digest = `sha256:${"a".repeat(64)}`;

function daemonSet(spec: DaemonSet["spec"]["template"]["spec"]): DaemonSet {
  const metadata = { name: "calico-node", namespace: "kube-system" };
  return { apiVersion: "apps/v1", kind: "DaemonSet", metadata, spec: { selector: {}, template: { spec } } };
}

const onNode = (...names: string[]) => {
  const ready = node("n1");
  return { ...ready, status: { ...ready.status, images: [{ names: ["registry.k8s.io/pause:3.10"] }, { names }, {}] } };
};

describe("an image's full name", () => {
  it.each([
    ["calico/node:v3.31.2", "docker.io/calico/node:v3.31.2"],
    ["docker.io/calico/node:v3.31.2", "docker.io/calico/node:v3.31.2"],
    ["calico/node", "docker.io/calico/node:latest"],
    ["busybox", "docker.io/library/busybox:latest"],
    ["busybox:1.37", "docker.io/library/busybox:1.37"],
    ["localhost/node:1", "localhost/node:1"],
    ["mirror:5000/calico/node", "mirror:5000/calico/node:latest"],
    ["mirror:5000/calico/node:v1", "mirror:5000/calico/node:v1"],
    [`quay.io/calico/node@${digest}`, `quay.io/calico/node@${digest}`],
    [`quay.io/calico/node:v1@${digest}`, `quay.io/calico/node@${digest}`],
  ])("of %s is %s", (image, full) => {
    expect(canonicalName(image)).toBe(full);
  });
});

describe("the images of an agent", () => {
  it("are those of its init containers and containers, each once", () => {
    const agent = daemonSet({
      initContainers: [
        { name: "upgrade-ipam", image: "calico/cni:v1" },
        { name: "install-cni", image: "calico/cni:v1" },
      ],
      containers: [{ name: "calico-node", image: "calico/node:v1", imagePullPolicy: "Always" }, { name: "empty" }],
    });

    expect(imagesOf([agent])).toEqual([
      { image: "calico/cni:v1" },
      { image: "calico/node:v1", imagePullPolicy: "Always" },
    ]);
  });

  it.each([
    [undefined, false],
    [[], false],
    [[{ name: "registry" }], true],
  ])("with imagePullSecrets %j need secrets: %s", (imagePullSecrets, needed) => {
    const secrets = imagePullSecrets === undefined ? {} : { imagePullSecrets };

    expect(usesPullSecrets([daemonSet({ containers: [], ...secrets })])).toBe(needed);
  });
});

describe("a node", () => {
  const image = "calico/node:v1";

  it.each([
    ["names it in full", onNode("docker.io/calico/node:v1"), { image }, true],
    ["names it by its digest", onNode(`calico/node@${digest}`), { image: `calico/node:v1@${digest}` }, true],
    ["names another tag", onNode("docker.io/calico/node:v10"), { image }, false],
    ["names nothing", node("n1"), { image }, false],
    ["may not pull", onNode("docker.io/calico/node:v1"), { image, imagePullPolicy: "Never" }, true],
    [
      "has to ask the registry all the same",
      onNode("docker.io/calico/node:v1"),
      { image, imagePullPolicy: "Always" },
      false,
    ],
  ])("that %s", (_title, of, wanted, named) => {
    expect(isNamedBy(of, wanted)).toBe(named);
  });
});
