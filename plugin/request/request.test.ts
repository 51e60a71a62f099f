import { describe, expect, it } from "vitest";
import type { UnknownObject } from "../../kube/types.ts";
import type { Network } from "../../networks/contract.ts";
import { networks } from "../../networks/index.ts";
import { CliError } from "../errors.ts";
import { readFlags } from "../flags.ts";
import { requestFlags } from "./flags.ts";
import { checkManifests, checkNetworks, readRequest } from "./request.ts";

describe("plugin/request", () => {
  const flags = (raw: Record<string, unknown>) => readFlags(requestFlags, raw);
  const given = (spec: Record<string, unknown>, name = "mine"): UnknownObject => ({
    apiVersion: "cni-migrate.io/v1alpha1",
    kind: "CniMigration",
    metadata: { name },
    spec,
  });

  it.each([
    [
      "an unknown network",
      { target: "weave" },
      'unknown network "weave" for --target: choose flannel, calico or cilium',
    ],
    ["a misspelt network", { target: "Calicoo" }, 'unknown network "Calicoo" for --target: did you mean calico?'],
    ["the same network twice", { source: "calico", target: "calico" }, "the source and the target are both calico"],
    [
      "a network that can only be left",
      { target: "canal" },
      "canal cannot be the target in this version: --target can be flannel, calico or cilium",
    ],
    [
      "a source of a later version",
      { source: "cilium", target: "calico" },
      "cilium cannot be the source in this version: --source can be ",
    ],
    ["no target", {}, "--target is missing: give the network to go to, flannel, calico or cilium"],
  ])("refuses %s", (_what, raw, message) => {
    const read = () => {
      checkNetworks(flags(raw));
      return readRequest(undefined, flags(raw), []);
    };

    expect(read).toThrow(CliError);
    expect(read).toThrow(message);
  });

  it.each(["", "Upper", "a_b", "-a", "a".repeat(64), "a/b", "a b", "ü"])("refuses the name %j", (name) => {
    expect(() => readRequest(name, flags({ target: "calico" }), [])).toThrow("invalid name");
  });

  it("leaves what is not set to the schema", () => {
    const request = readRequest(undefined, flags({ target: "calico" }), []);

    expect(request).toMatchObject({ name: undefined, source: undefined, spec: {}, manifests: [] });
    expect(request.target.id).toBe("calico");
  });

  it("takes values from a CniMigration among the manifests; flags and NAME win", () => {
    const migration = given({
      source: "flannel",
      target: "calico",
      batchSize: 3,
      drain: { force: true },
      flannel: { mtu: 1400 },
    });
    const other: UnknownObject = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x" } };

    const plain = readRequest(undefined, flags({}), [migration, other]);
    const overridden = readRequest("other", flags({ batchSize: "50%", cidr: "10.1.0.0/16" }), [migration]);

    expect(plain).toMatchObject({
      name: "mine",
      spec: { batchSize: 3, drain: { force: true }, flannel: { mtu: 1400 } },
      manifests: [other],
    });
    expect(plain.source?.id).toBe("flannel");
    expect(overridden).toMatchObject({ name: "other", spec: { batchSize: "50%", cidr: "10.1.0.0/16" } });
  });

  it("offers the networks that can play each part", () => {
    const playing = (part: "source" | "target") =>
      networks
        .filter((network: Network) => network.plays[part])
        .map(({ id }) => id)
        .sort();

    expect(requestFlags.target.choices).toEqual(playing("target"));
    expect(requestFlags.source.choices).toEqual(playing("source"));
  });

  it("says of a range where it was given", () => {
    const spec = { target: "cilium", cidr: "10.1.0.0/16" };

    expect(readRequest(undefined, flags({ target: "cilium", cidr: "10.2.0.0/16" }), [given(spec)])).toMatchObject({
      spec: { cidr: "10.2.0.0/16" },
      cidrFrom: "--cidr",
    });
    expect(readRequest(undefined, flags({}), [given(spec)])).not.toHaveProperty("cidrFrom");
  });

  it("refuses two CniMigrations", () => {
    expect(() => readRequest(undefined, flags({}), [given({}), given({}, "b")])).toThrow(
      "-f holds 2 CniMigrations: give one",
    );
  });

  it("refuses manifests that are missing or another network's", () => {
    const request = readRequest(undefined, flags({ target: "calico" }), []);
    const deployment: UnknownObject = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web" } };

    expect(() => checkManifests(request)).toThrow("-f is missing: give Calico's own manifests");
    expect(() => checkManifests({ ...request, manifests: [deployment] })).toThrow(
      "these are not Calico's manifests: no DaemonSet calico-node in them",
    );
  });
});
