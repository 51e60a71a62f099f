import { describe, expect, it } from "vitest";
import { ApiError } from "../kube/errors.ts";
import { completions } from "./completion.ts";
import { blockedError, CliError } from "./errors.ts";
import { programHelp, verbHelp } from "./help.ts";
import { normalize, runProgram } from "./program.ts";
import { testIo } from "./testing/io.ts";
import { defineVerb } from "./verb.ts";
import { verbs } from "./verbs/index.ts";

describe("plugin/program", () => {
  const noCluster = async () => {
    throw new CliError("failed", "no cluster in this test");
  };
  async function run(...argv: string[]) {
    const io = testIo();
    const code = await runProgram(argv, verbs, io, noCluster);
    return { code, out: io.out(), err: io.err() };
  }

  it.each([
    [["nonsense"], 'unknown command "nonsense": choose one of install, uninstall, plan, start, status'],
    [["statu"], 'unknown command "statu": did you mean status?'],
    [["help", "nope"], 'unknown command "nope"'],
    [["status", "--bogus"], "unknown option '--bogus'"],
    [["status", "a", "b"], "too many arguments"],
    [["status", "-o", "yamll"], 'invalid value "yamll" for --output: must be wide, json or yaml; did you mean yaml?'],
    [["status", "-o"], "argument missing"],
    [["status", "--timeout", "1m"], "--timeout is for status -w"],
    [["--context", "a", "status", "--context", "b"], '--context is given twice: "a" and "b"'],
    [["start"], "--target is missing"],
    [["start", "--target", "weave", "-f", "/dev/null"], 'unknown network "weave"'],
    [["start", "--source", "calico", "--target", "calico", "-f", "/dev/null"], "are both calico"],
    [["start", "--target", "calico", "--batch-size", "0", "-f", "/dev/null"], 'invalid value "0" for --batch-size'],
    [["start", "--target", "calico", "--batch-size", "-1", "-f", "/dev/null"], 'invalid value "-1" for --batch-size'],
    [
      ["start", "--target", "calico", "--batch-size", "150%", "-f", "/dev/null"],
      'invalid value "150%" for --batch-size',
    ],
    [
      ["start", "--target", "calico", "--cidr", "10.0.0.0/33", "-f", "/dev/null"],
      'invalid value "10.0.0.0/33" for --cidr',
    ],
    [["start", "--target", "calico", "-f", "/does/not/exist"], "cannot read /does/not/exist: no such file or folder"],
    [["start", "--target", "calico", "--wait=perhaps"], 'invalid value "perhaps" for --wait: must be true or false'],
    [["start", "--target", "calico", "--dry-run", "maybe"], 'invalid value "maybe" for --dry-run'],
    [["install", "--image", "repo/name"], "must carry a tag or a digest"],
    [["install", "--image", "a b:1"], "must be an image reference"],
    [["install", "--health-port", "80"], "from 1024 to 65535"],
    [["install", "--timeout", "0s"], "must be a span of at least 1s"],
  ])("%j is bad usage: one line, exit code 2", async (argv, message) => {
    const { code, out, err } = await run(...argv);

    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toMatch(/^error: [^\n]+\n$/);
    expect(err).toContain(message);
  });

  it("shows help on standard output: of all, of a command, by flag and by word", async () => {
    const shown = verbs.filter((verb) => !verb.hidden);
    const status = verbs.find((verb) => verb.name === "status");

    for (const argv of [[], ["--help"], ["-h"], ["help"]])
      expect(await run(...argv)).toEqual({ code: 0, out: programHelp(shown), err: "" });
    for (const argv of [
      ["status", "--help"],
      ["help", "status"],
    ])
      expect((await run(...argv)).out).toBe(status === undefined ? "" : verbHelp(status));
  });

  it("takes kubectl's spellings of flags, before and behind the verb", () => {
    expect(normalize(["-o=json", "--wait=false", "--yes=true", "--context=a", "--", "--wait=false"], verbs)).toEqual([
      "-ojson",
      "--no-wait",
      "--yes",
      "--context=a",
      "--",
      "--wait=false",
    ]);
  });

  it.each([
    ["a CliError by its kind", blockedError("in the way"), 3, "error: in the way\n"],
    ["more than a line, made one", new CliError("failed", "a\n  b"), 1, "error: a b\n"],
    ["hostile text, made harmless", new CliError("failed", "a\u001b[2J"), 1, "error: a\\u001b[2J\n"],
    [
      "an API server that is not there",
      new ApiError("refused", { status: 0, reason: "Refused", request: "GET /" }),
      1,
      "error: Unable to connect to the server: refused\n",
    ],
    [
      "a bug, without its stack",
      new TypeError("x is undefined"),
      1,
      "error: unexpected failure: x is undefined; set CNI_MIGRATE_DEBUG=1 to see where\n",
    ],
  ])("reports %s", async (_what, failure, code, line) => {
    const failing = defineVerb({
      name: "fail",
      summary: "",
      description: "",
      examples: [],
      flags: {},
      async run() {
        throw failure;
      },
    });
    const io = testIo();

    expect(await runProgram(["fail"], [failing], io, noCluster)).toBe(code);
    expect(io.err()).toBe(line);
  });

  it("ends with 130 when whatever it did was cut off by Ctrl-C", async () => {
    const stop = new AbortController();
    const cut = defineVerb({
      name: "cut",
      summary: "",
      description: "",
      examples: [],
      flags: {},
      async run() {
        stop.abort(new CliError("interrupted", "interrupted"));
        throw new Error("stopped");
      },
    });
    const io = testIo({ interrupt: stop.signal });

    expect(await runProgram(["cut"], [cut], io, noCluster)).toBe(130);
    expect(io.err()).toBe("error: interrupted\n");
  });

  it("completes commands, flags and names of migrations", async () => {
    const names = async () => ["flannel-to-calico", "other"];
    const complete = (...words: string[]) => completions(words, verbs, names);

    expect(await complete("st")).toEqual([
      "start\tbegin a migration",
      "status\tshow where a migration stands, node by node",
      ":4",
    ]);
    expect((await complete("start", "--ba"))[0]).toMatch(/^--batch-size\t/);
    expect(await complete("status", "fl")).toEqual(["flannel-to-calico", ":4"]);
    expect(await complete("start", "-f", "cal")).toEqual([":0"]);
    expect(await complete("start", "--target", "c")).toEqual(["calico", "cilium", ":4"]);
    expect(await complete("plan", "--source", "")).toEqual(["calico", "canal", "flannel", ":4"]);
    expect(await complete("install", "")).toEqual([":4"]);
  });

  it("every command has what help and docs need", () => {
    for (const verb of verbs) {
      expect(verb.summary, verb.name).toMatch(/^[a-z][^.\n]{10,70}$/);
      expect(verb.description, verb.name).toMatch(/\.$/);
      expect(verb.examples.length, verb.name).toBeGreaterThan(0);
      for (const { command } of verb.examples) expect(command.split(" ")[0]).toBe(verb.name);
    }
  });
});
