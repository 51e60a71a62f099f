import { describe, expect, test } from "vitest";
import type { Footprint } from "../../networks/host-ops.ts";
import { type Finished, realDeps } from "./deps.ts";
import { findChains } from "./iptables.ts";

const footprint = { chains: ["FLANNEL-FWD"], comments: [] } as unknown as Footprint;
const moving =
  "iptables-nft-save v1.8.9 (nf_tables): Set with index 5 in kernel doesn't exist.\n\nTry `iptables-nft-save -h'\n";
const rules = "*filter\n:FORWARD ACCEPT [0:0]\n:FLANNEL-FWD - [0:0]\nCOMMIT\n";

/** iptables-nft-save answers these one after the other, the last one for ever; the other tools have nothing. */
function answering(...answers: Finished[]) {
  let asked = 0;
  const deps = realDeps({
    root: "/nonexistent",
    sleep: async () => undefined,
    run: async ([program]) => {
      if (program !== "iptables-nft-save") return { code: 0, stdout: "", stderr: "" };
      const answer = answers[Math.min(asked, answers.length - 1)];
      asked += 1;
      return answer ?? { code: 1, stdout: "", stderr: "" };
    },
  });
  return { deps, asked: () => asked };
}

describe("reading rules", () => {
  test("begins again while an agent exchanges the sets they name", async () => {
    const { deps, asked } = answering({ code: 2, stdout: "", stderr: moving }, { code: 0, stdout: rules, stderr: "" });

    const found = await findChains(deps, footprint);

    expect(found.map(({ name }) => name)).toEqual([expect.stringContaining("FLANNEL-FWD")]);
    expect(asked()).toBe(2);
  });

  test("says so when it does not come to rest", async () => {
    const { deps } = answering({ code: 2, stdout: "", stderr: moving });

    await expect(findChains(deps, footprint)).rejects.toThrow("Set with index 5 in kernel doesn't exist.");
  });

  test("does not begin again for another reason, and tells it without the hint at the tool's help", async () => {
    const { deps, asked } = answering({ code: 1, stdout: "", stderr: "no way\n\nTry `iptables-nft-save -h'\n" });

    await expect(findChains(deps, footprint)).rejects.toThrow(/^iptables-nft-save: no way$/);
    expect(asked()).toBe(1);
  });
});
