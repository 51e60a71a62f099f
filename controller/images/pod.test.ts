import { describe, expect, it } from "vitest";
import type { ContainerState, Pod } from "../../kube/objects.ts";
import { ownerOf } from "../tasks.ts";
import { migration } from "../testing.ts";
import { imagePod, readImagePod } from "./pod.ts";

const image = "calico/node:v1";

const made = imagePod({
  name: "images-n1-0123abcd",
  namespace: "cni-migrate",
  nodeName: "n1",
  images: [{ image: "calico/cni:v1" }, { image, imagePullPolicy: "Always" }],
  owner: ownerOf(migration()),
  deadlineSeconds: 600,
});

/** What a pod says whose second container is in this state; the first had its image. */
function secondOf(state: ContainerState, status: Pod["status"] = {}) {
  const base = { ready: false, restartCount: 0 };
  const first = { ...base, name: "image-0", state: { terminated: { exitCode: 128, reason: "StartError" } } };
  const containerStatuses = [{ ...base, name: "image-1", state }, first];
  return readImagePod({ ...made, status: { phase: "Pending", containerStatuses, ...status } });
}

describe("a pod that looks for images", () => {
  it("is bound to its node, may do nothing there, and has nothing that could run", () => {
    const { spec } = made;

    expect(spec.nodeName).toBe("n1");
    expect(spec).toMatchObject({ restartPolicy: "Never", automountServiceAccountToken: false });
    expect(spec.volumes).toBeUndefined();
    expect(spec.hostPID).toBeUndefined();
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true });
    expect(spec.containers.map(({ name, image: of, imagePullPolicy }) => [name, of, imagePullPolicy])).toEqual([
      ["image-0", "calico/cni:v1", undefined],
      ["image-1", image, "Always"],
    ]);
    for (const container of spec.containers) {
      expect(container.command).toEqual(["/cni-migrate/only-looks-for-the-image"]);
      expect(container.securityContext).toMatchObject({ capabilities: { drop: ["ALL"] } });
    }
  });

  it("says nothing before its node has taken it", () => {
    expect(readImagePod(made).map(({ state }) => state)).toEqual(["waiting", "waiting"]);
  });

  it.each<[string, ContainerState]>([
    ["could not be started", { terminated: { exitCode: 128, reason: "StartError" } }],
    ["could not be made", { waiting: { reason: "CreateContainerError", message: "no such file" } }],
    ["is about to end", { waiting: { reason: "RunContainerError" } }],
    ["runs after all", { running: {} }],
  ])("proves the image of a container that %s", (_title, state) => {
    expect(secondOf(state)).toEqual([
      { state: "there", image: "calico/cni:v1" },
      { state: "there", image },
    ]);
  });

  it.each<[string, ContainerState]>([
    ["is being pulled", { waiting: { reason: "ContainerCreating" } }],
    ["is not spoken of", {}],
    ["is unknown since the kubelet began anew", { terminated: { exitCode: 137, reason: "ContainerStatusUnknown" } }],
  ])("leaves open an image that %s", (_title, state) => {
    expect(secondOf(state)[1]).toEqual({ state: "waiting", image });
  });

  const cause = `failed to pull and unpack image "${image}": failed to resolve reference: not found`;

  it.each([
    ["while it tries", "ErrImagePull", cause],
    ["while it waits", "ImagePullBackOff", `Back-off pulling image "${image}": ErrImagePull: ${cause}`],
  ])("says the same of an image that is not to be had, %s", (_title, reason, message) => {
    expect(secondOf({ waiting: { reason, message } })[1]).toEqual({
      state: "missing",
      image,
      said: `ErrImagePull: ${cause}`,
      asksForLogin: false,
    });
  });

  it.each([
    ["ImagePullBackOff", `Back-off pulling image "${image}"`, "ImagePullBackOff"],
    ["ErrImageNeverPull", "Container image is not present", "ErrImageNeverPull: Container image is not present"],
    ["InvalidImageName", undefined, "InvalidImageName"],
    ["ErrImagePull", `${"x".repeat(500)}\u001b[31m`, `ErrImagePull: ${"x".repeat(286)}`],
  ])("gives the kubelet's words of %s, bounded and plain", (reason, message, said) => {
    const waiting = { reason, ...(message === undefined ? {} : { message }) };

    expect(secondOf({ waiting })[1]).toEqual({ state: "missing", image, said, asksForLogin: false });
  });

  it.each([
    "pull access denied, repository does not exist or may require authorization",
    "unexpected status from HEAD request: 401 Unauthorized",
    "unexpected status code [manifests v1]: 403 Forbidden",
    "no basic auth credentials",
  ])("knows a registry that wants a login: %s", (message) => {
    expect(secondOf({ waiting: { reason: "ErrImagePull", message } })[1]).toMatchObject({ asksForLogin: true });
  });

  it("that came to its deadline, or was refused by its node, says why", () => {
    const late = { phase: "Failed", reason: "DeadlineExceeded", message: "it was active too long" } as const;
    const terminated = { exitCode: 137, reason: "ContainerStatusUnknown" };

    expect(secondOf({ terminated }, late)).toEqual([
      { state: "there", image: "calico/cni:v1" },
      { state: "missing", image, said: "DeadlineExceeded: it was active too long", asksForLogin: false },
    ]);
    expect(readImagePod({ ...made, status: { phase: "Failed", reason: "OutOfpods" } })[0]).toMatchObject({
      state: "missing",
      said: "OutOfpods",
    });
  });
});
