import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { calicoManifestPath, type Lab, upLab } from "../index.ts";
import { cniMigrate, getJson, installProduct } from "../product.ts";

/** Canal cannot be left yet: a Canal cluster is told so, and nothing is changed on it. */
describe("a Canal cluster", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await upLab({ name: "canal", nodes: 2, network: "canal", ready: ["canal"] });
    await installProduct(lab);
  });
  afterAll(() => lab?.down());

  it("is refused by start with one clear line and exit code 3, and no CniMigration is made", async () => {
    const outcome = await cniMigrate(lab, ["start", "--target", "calico", "-f", await calicoManifestPath(), "-y"]);
    expect(outcome.code).toBe(3);
    expect(outcome.stderr).toMatch(/Canal/);
    expect((await getJson<{ items: unknown[] }>(lab, ["cnimigrations"])).items).toEqual([]);
  });
});
