import { describe, expect, it } from "vitest";
import type { CniMigration, NodeMigration } from "../../crds/index.ts";
import { runProgram } from "../program.ts";
import { condition, migration, node, nodes, withStatus } from "../status/fixtures.ts";
import { testIo } from "../testing/io.ts";
import { testSession } from "../testing/session.ts";
import { verbs } from "../verbs/index.ts";
import { renderReport } from "./markdown.ts";
import { reportOf } from "./view.ts";

describe("plugin/report", () => {
  const now = new Date("2026-11-21T12:05:00Z");
  const at = (second: number) => new Date(Date.parse("2026-11-21T12:00:00Z") + second * 1000).toISOString();

  /** A node that was done step by step, from its first second on. */
  function done(
    name: string,
    first: number,
    evidence: NonNullable<NodeMigration["status"]>["evidence"],
  ): NodeMigration {
    const names = ["Cordon", "Drain", "CleanUp"] as const;
    const steps = names.map((step, index) => ({
      name: step,
      startTime: at(first + index * 2),
      completionTime: at(first + index * 2 + 2),
    }));
    return node(name, {
      step: "Done",
      summary: "Done",
      steps,
      attempts: 1,
      ...(evidence === undefined ? {} : { evidence }),
    });
  }

  const finished: CniMigration = withStatus({
    summary: "Succeeded",
    message: "every node is on calico",
    completionTime: "2026-11-21T12:00:30Z",
    nodes: { total: 2, pending: 0, inProgress: 0, migrated: 2, failed: 0, skipped: 0 },
    detected: [{ name: "mtu", value: "1450", from: "node n1, /run/flannel/subnet.env" }],
    conditions: [condition("Succeeded", "True", "Succeeded")],
  });
  const both = [
    done("n1", 10, {
      found: ["link flannel.1", "file /run/flannel/subnet.env"],
      removed: ["link flannel.1", "file /run/flannel/subnet.env"],
      leftovers: [],
      checks: [{ path: "pod on n1 -> pod on n2", ok: true }],
    }),
    done("n2", 0, {
      removed: ["link cni0"],
      leftovers: ["chain `FLANNEL-FWD` | <b>"],
      checks: [
        { path: "pod on n2 -> pod on n1", ok: true },
        { path: "pod on n2 -> API", ok: false, detail: "timed out" },
      ],
    }),
  ];

  it("is a document of what, when, how long, and what is left", () => {
    expect(renderReport(reportOf(finished, both, now))).toMatchInlineSnapshot(`
      "# Migration flannel-to-calico

      |  |  |
      |---|---|
      | Networks | flannel to calico (SharedOverlay) |
      | Status | Succeeded |
      | Message | every node is on calico |
      | Nodes | 2 of 2 done, 0 in progress, 0 waiting, 0 failed, 0 skipped |
      | Created | 2026-11-21T11:58:00Z |
      | Started | 2026-11-21T11:58:30Z |
      | Ended | 2026-11-21T12:00:30Z |
      | Took | 2m |
      | Written | 2026-11-21T12:05:00.000Z |

      ## Nodes

      | Node | Network | Step | Status | Took | Checks passed | Removed | Left | Message |
      |---|---|---|---|---|---|---|---|---|
      | n2 | calico | Done | Done | 6.0s | 1 of 2 | 1 | 1 |  |
      | n1 | calico | Done | Done | 6.0s | 1 of 1 | 2 | 0 |  |

      ## Time of each step

      | Node | Cordon | Drain | CleanUp | Total |
      |---|---|---|---|---|
      | n2 | 2.0s | 2.0s | 2.0s | 6.0s |
      | n1 | 2.0s | 2.0s | 2.0s | 6.0s |
      | median | 2.0s | 2.0s | 2.0s | 6.0s |

      ## Connectivity checks

      2 of 3 passed.

      | Node | Failed | What was seen |
      |---|---|---|
      | n2 | pod on n2 -> API | timed out |

      ## Removed from the nodes

      ### n2

      - link cni0

      ### n1

      - link flannel.1
      - file /run/flannel/subnet.env

      ## Left on the nodes

      ### n2

      - chain \\\`FLANNEL-FWD\\\` \\| &lt;b>

      ## Conditions

      | Condition | Status | Reason | Message |
      |---|---|---|---|
      | Succeeded | True | Succeeded | Succeeded it is |

      ## What was found in the cluster

      | What | Value | From |
      |---|---|---|
      | mtu | 1450 | node n1, /run/flannel/subnet.env |
      "
    `);
  });

  it("tells a migration nobody has begun yet", () => {
    const { status: _, ...fresh } = migration;

    expect(renderReport(reportOf(fresh, [], now))).toMatchInlineSnapshot(`
      "# Migration flannel-to-calico

      |  |  |
      |---|---|
      | Networks | flannel to calico |
      | Status | Pending |
      | Created | 2026-11-21T11:58:00Z |
      | Ended | not yet |
      | Written | 2026-11-21T12:05:00.000Z |

      ## Nodes

      No node has begun.

      ## Connectivity checks

      None were made.

      ## Removed from the nodes

      Nothing.

      ## Left on the nodes

      Nothing: 0 of 0 nodes were read again after clean-up.
      "
    `);
  });

  it("has the same for programs, nodes in the order they began", () => {
    const report = reportOf(finished, both, now);

    expect(report).toMatchObject({
      migration: "flannel-to-calico",
      outcome: "succeeded",
      startedAt: "2026-11-21T11:58:30Z",
      endedAt: "2026-11-21T12:00:30Z",
      seconds: 120,
      totals: { removed: 3, leftovers: 1, checksPassed: 2, checksFailed: 1 },
    });
    expect(report.nodes.map((each) => [each.node, each.network, each.seconds])).toEqual([
      ["n2", "calico", 6],
      ["n1", "calico", 6],
    ]);
    expect(report.nodes[0]?.steps[1]).toEqual({
      name: "Drain",
      startTime: at(2),
      completionTime: at(4),
      seconds: 2,
    });
  });

  it.each([
    ["Pending", undefined, "flannel"],
    ["Drain", "Forward", "flannel"],
    ["LeaveSource", "Forward", "changing"],
    ["JoinTarget", "Forward", "changing"],
    ["Verify", "Forward", "calico"],
    ["Done", "Forward", "calico"],
    ["Drain", "Revert", "calico"],
    ["AdoptPods", "Revert", "changing"],
    ["CleanUp", "Revert", "flannel"],
    ["Done", "Revert", "flannel"],
  ] as const)("a node in step %s, direction %s, is on network %s", (step, direction, network) => {
    const one = node("n1", { step, ...(direction === undefined ? {} : { direction }) });

    expect(reportOf(migration, [one], now).nodes[0]?.network).toBe(network);
  });

  it("tells of the migration's own nodes only", () => {
    const other = { ...node("n9", {}), spec: { migrationName: "other", nodeName: "n9", nodeUID: "u" } };

    expect(reportOf(migration, [other, ...nodes], now).nodes.map((each) => each.node)).toEqual(["n1", "n2", "n3"]);
  });

  it.each([
    ["report", /^# Migration flannel-to-calico\n/],
    ["report flannel-to-calico -o json", /^\{\n {2}"migration": "flannel-to-calico",/],
    ["report -o yaml", /^migration: flannel-to-calico\n/],
  ])("%s goes to standard output", async (words, expected) => {
    const io = testIo();
    const code = await runProgram(words.split(" "), verbs, io, async () => testSession([finished, ...both]));

    expect({ code, err: io.err() }).toEqual({ code: 0, err: "" });
    expect(io.out()).toMatch(expected);
  });

  it("is not written without the nodes", async () => {
    const io = testIo();
    const session = testSession([finished]);
    const { list } = session.client;
    session.client.list = (resource, options) =>
      resource.kind === "NodeMigration" ? testSession(undefined).client.list(resource) : list(resource, options);

    expect(await runProgram(["report"], verbs, io, async () => session)).toBe(1);
    expect(io.out()).toBe("");
  });
});
