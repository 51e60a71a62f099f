import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { exemptionComment, exemptionFootprint } from "../../networks/dual-overlay.ts";
import type { HostOp } from "../../networks/host-ops.ts";
import { isAtHead, planHead } from "./exempt-text.ts";
import { parseSaved } from "./iptables-text.ts";
import { TestNet } from "./testing/netns.ts";
import { taskRunner } from "./testing/task.ts";

const ways = [
  { from: "10.244.0.0/16", to: "10.245.0.0/16" },
  { from: "10.245.0.0/16", to: "10.244.0.0/16" },
];
const ways6 = [{ from: "FD01:0:0::/56", to: "fd02::/56" }];

/** As iptables prints them. */
const rule = (from: string, to: string) =>
  `-A POSTROUTING -s ${from} -d ${to} -m mark ! --mark 0x4000/0x4000 -m comment --comment "${exemptionComment}" -j ACCEPT`;
const ours = ways.map(({ from, to }) => rule(from, to));
const theirs = [
  '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
  "-A POSTROUTING -s 10.244.0.0/16 -j MASQUERADE",
];
const felixs = '-A POSTROUTING -m comment --comment "cali:O3lYWMrLQYEMJtB5" -j cali-POSTROUTING';
const nat = (...rules: string[]) =>
  ["*nat", ":KUBE-POSTROUTING - [0:0]", ":cali-POSTROUTING - [0:0]", ...rules, "COMMIT", ""].join("\n");

describe("where the rules stand", () => {
  const table = (...rules: string[]) => {
    const found = parseSaved(nat(...rules)).tables[0];
    if (found === undefined) throw new Error("no table");
    return found;
  };

  test.each<[string, string[], boolean]>([
    ["first", [...ours, ...theirs], true],
    ["alone", ours, true],
    ["behind Felix's jump", [felixs, ...ours, ...theirs], true],
    ["behind another rule", [...theirs.slice(0, 1), ...ours, ...theirs.slice(1)], false],
    ["behind Felix's jump and another rule", [felixs, ...theirs, ...ours], false],
    ["in another order", [...ours.toReversed(), ...theirs], false],
    ["with one missing", [...ours.slice(1), ...theirs], false],
    ["twice", [...ours, ...theirs, ...ours], false],
    ["for another range as well", [rule("10.99.0.0/16", "10.245.0.0/16"), ...ours], false],
    ["nowhere", theirs, false],
  ])("%s", (_, rules, expected) => {
    expect(isAtHead(table(...rules), "POSTROUTING", ways)).toBe(expected);
  });

  test("one transaction takes out what there is of them and puts them in front, behind Felix's jumps", () => {
    const old = rule("10.99.0.0/16", "10.245.0.0/16");

    expect(planHead(table(felixs, old, ...theirs), "POSTROUTING", ways)).toEqual([
      "*nat",
      old.replace("-A", "-D"),
      ...ours.map((line, i) => line.replace("-A POSTROUTING", `-I POSTROUTING ${i + 2}`)),
      "COMMIT",
    ]);
  });
});

/** Generous: other test files may keep the machine busy. */
vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

describe("exempt", () => {
  let net: TestNet;
  let root: string;
  let runner: ReturnType<typeof taskRunner>;
  let nodes = 0;

  beforeAll(() => {
    net = new TestNet("exempt");
    root = join(net.directory, "root");
    mkdirSync(join(root, "run"), { recursive: true });
    runner = taskRunner(net);
  });
  afterAll(() => net.destroy());

  const newNode = () => net.add(`n${++nodes}`);
  const fill = (node: string, backend: string, ...rules: string[]) =>
    net.exec(node, [`${backend}-restore`, "--noflush"], nat(...rules));
  const postrouting = (node: string, backend: string) =>
    net
      .exec(node, [`${backend}-save`, "-t", "nat"])
      .split("\n")
      .filter((line) => line.startsWith("-A POSTROUTING"));
  const run = async (node: string, list = ways, ...more: HostOp[]) => {
    const { result } = await runner(node, root, [{ op: "exempt", ways: list }, ...more]);
    return result;
  };
  const put = (backend: string, count = 2) => [`put ${count} rules at the head of nat POSTROUTING (${backend})`];
  const putBoth = (backend: string, count = 2) => [
    ...put(backend, count),
    `put ${count} rules at the head of filter FORWARD (${backend})`,
  ];

  test.each(["iptables-nft", "iptables-legacy"])("puts them first in %s, once, and in no other", async (backend) => {
    const node = newNode();
    fill(node, backend, ...theirs);

    expect(await run(node)).toMatchObject({ ok: true, changes: putBoth(backend) });
    expect(postrouting(node, backend)).toEqual([...ours, ...theirs]);
    const again = await run(node);
    expect(again.ok).toBe(true);
    expect(again.changes).toBeUndefined();
    expect(postrouting(node, backend)).toEqual([...ours, ...theirs]);
    if (backend === "iptables-nft") expect(net.exec(node, ["cat", "/proc/net/ip_tables_names"])).toBe("");
    else expect(net.exec(node, ["nft", "list", "tables"])).not.toContain("nat");
  });

  test("puts them into both where both translate addresses, and first again where another rule came before them", async () => {
    const node = newNode();
    for (const backend of ["iptables-nft", "iptables-legacy"]) fill(node, backend, ...theirs);
    expect((await run(node)).changes).toEqual([...putBoth("iptables-nft"), ...putBoth("iptables-legacy")]);
    net.exec(node, ["iptables-legacy", "-t", "nat", "-I", "POSTROUTING", "-o", "lo", "-j", "ACCEPT"]);

    expect((await run(node)).changes).toEqual(put("iptables-legacy"));
    expect(postrouting(node, "iptables-legacy")).toEqual([...ours, "-A POSTROUTING -o lo -j ACCEPT", ...theirs]);
  });

  test.each(["iptables-nft", "iptables-legacy"])("leaves Felix's jump in front, in %s", async (backend) => {
    const node = newNode();
    fill(node, backend, ...ours, felixs, ...theirs);
    net.exec(node, [backend, "-t", "nat", "-I", "POSTROUTING", "-j", "cali-POSTROUTING"]);

    expect((await run(node)).changes).toEqual(putBoth(backend).slice(1));
    expect((await run(node, ways.toReversed())).changes).toEqual(putBoth(backend));
    const [first, ...rest] = postrouting(node, backend);
    expect(first).toBe("-A POSTROUTING -j cali-POSTROUTING");
    // Both jumps stand before them now: nothing is between.
    expect(rest).toEqual([felixs, ...ours.toReversed(), ...theirs]);
  });

  test("exchanges them for those of other ranges", async () => {
    const node = newNode();
    fill(node, "iptables-nft", ...theirs);
    await run(node, [{ from: "10.99.0.0/16", to: "10.245.0.0/16" }]);
    await run(node);

    expect(postrouting(node, "iptables-nft")).toEqual([...ours, ...theirs]);
  });

  test("where nothing translates yet, takes the packet filter that has rules, else the newer", async () => {
    const [legacy, bare] = [newNode(), newNode()];
    net.exec(legacy, ["iptables-legacy", "-A", "FORWARD", "-j", "ACCEPT"]);

    expect((await run(legacy)).changes).toEqual(putBoth("iptables-legacy"));
    expect((await run(bare)).changes).toEqual(putBoth("iptables-nft"));
    expect((await run(bare)).changes).toBeUndefined();
  });

  test("IPv6 has packet filters of its own", async () => {
    const node = newNode();
    fill(node, "ip6tables-nft", "-A POSTROUTING -s fd01::/56 -j MASQUERADE");

    expect((await run(node, ways6)).changes).toEqual(putBoth("ip6tables-nft", 1));
    expect((await run(node, ways6)).changes).toBeUndefined();
    expect(postrouting(node, "ip6tables-nft")[0]).toBe(rule("fd01::/56", "fd02::/56"));
    expect(net.exec(node, ["nft", "list", "tables"])).not.toContain("table ip nat");
  });

  test("their comment is a footprint: found, and gone with it", async () => {
    const node = newNode();
    fill(node, "iptables-legacy", ...theirs);
    const result = await run(
      node,
      ways,
      { op: "scanFootprint", footprint: exemptionFootprint },
      { op: "removeFootprint", footprint: exemptionFootprint },
    );

    expect(result.leftovers).toHaveLength(4);
    expect(postrouting(node, "iptables-legacy")).toEqual(theirs);
  });

  test("says so where the table holds what iptables cannot read", async () => {
    const node = newNode();
    net.exec(
      node,
      ["nft", "-f", "-"],
      "table ip nat {\n chain POSTROUTING {\n type nat hook postrouting priority 100\n ip saddr 192.0.2.9 counter meta mark set ct mark accept\n }\n }\n",
    );

    expect((await run(node)).error).toEqual({
      op: "exempt",
      message: "table nat holds what iptables-nft cannot read: remove it with nft, then try again",
    });
  });
});
