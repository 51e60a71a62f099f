import { describe, expect, it } from "vitest";
import { clientVersion } from "../client-version.ts";
import { clientSchemaVersion, tagOf } from "../version-info.ts";
import { versionView } from "./view.ts";

describe("plugin/version", () => {
  const image = (tag: string) => `registry.example.com:5000/cni-migrate:${tag}`;

  it.each([
    ["the same versions", image(clientVersion), clientSchemaVersion, true, "in step"],
    ["a tag with a v", image(`v${clientVersion}`), clientSchemaVersion, true, "in step"],
    ["a digest", "a/b@sha256:00", clientSchemaVersion, true, "in step as far as can be told"],
    ["another controller", image("9.9.9"), clientSchemaVersion, false, "and controller 9.9.9 differ"],
    ["older schemas", image(clientVersion), 0, false, "older than the plugin"],
    ["newer schemas", image(clientVersion), 99, false, "upgrade the plugin"],
    ["nothing", undefined, undefined, false, "nothing is installed"],
    ["no schemas", image(clientVersion), undefined, false, "the custom resources are missing"],
    ["no controller", undefined, clientSchemaVersion, false, "the controller is missing"],
  ])("judges %s", (_what, found, schema, ok, verdict) => {
    const view = versionView({ image: found, schema });

    expect(view.ok).toBe(ok);
    expect(view.verdict).toContain(verdict);
  });

  it("one part that cannot be read does not hide the other", () => {
    const view = versionView({ image: new Error("forbidden"), schema: 1 });

    expect(view).toMatchObject({ ok: false, schemaVersion: 1, verdict: "unknown: the cluster could not be asked" });
    expect(view.errors.map((error) => error.message)).toEqual(["forbidden"]);
  });

  it.each([
    ["a/b:1.2", "1.2"],
    ["host:5000/a/b", undefined],
    ["host:5000/a/b:1.2@sha256:00", "1.2"],
    [undefined, undefined],
  ])("finds the tag of %s", (reference, tag) => {
    expect(tagOf(reference)).toBe(tag);
  });
});
