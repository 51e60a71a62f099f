import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";

/**
 * Network namespaces for tests that need real packets. Everything made here is in namespaces named after this process and
 * goes in `destroy`.
 */
export class TestNet {
  readonly directory: string;
  readonly #prefix: string;
  readonly #namespaces: string[] = [];
  readonly #children: ChildProcess[] = [];

  /** @param label tells the test files of one run apart; at most 20 characters. */
  constructor(label: string) {
    if (process.getuid?.() !== 0) throw new Error("this test makes network namespaces: run it as root");
    this.#prefix = `cnim-test-${process.pid}-${label}`;
    this.directory = mkdtempSync(join(tmpdir(), `${this.#prefix}-`));
  }

  /** A new namespace with loopback up; gives its name. */
  add(name: string): string {
    const namespace = `${this.#prefix}-${name}`;
    execFileSync("ip", ["netns", "add", namespace]);
    this.#namespaces.push(namespace);
    this.ip(namespace, "link set lo up");
    return namespace;
  }

  /** Runs `ip` inside, with arguments split at blanks. */
  ip(namespace: string, args: string): string {
    return this.exec(namespace, ["ip", ...args.split(" ")]);
  }

  /** Several `ip` commands in one process. */
  batch(namespace: string, lines: readonly string[]): void {
    execFileSync("ip", ["-n", namespace, "-batch", "-"], { input: `${lines.join("\n")}\n`, stdio: "pipe" });
  }

  /** Runs a program inside that has to succeed; gives its output. */
  exec(namespace: string, argv: readonly string[], input = ""): string {
    const env = { ...process.env, XTABLES_LOCKFILE: join(this.directory, "xtables.lock") };
    return execFileSync("ip", ["netns", "exec", namespace, ...argv], { encoding: "utf8", input, env, stdio: "pipe" });
  }

  /** Starts a program inside; it ends with the test at the latest. */
  start(namespace: string, argv: readonly string[], env: Record<string, string> = {}): ChildProcess {
    const child = spawn("ip", ["netns", "exec", namespace, ...argv], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, ...env },
    });
    this.#children.push(child);
    return child;
  }

  /** Two namespaces joined by a veth pair: 192.0.2.1 (up0 in `left`) and 192.0.2.2 (up0 in `right`). */
  join(left: string, right: string): void {
    this.ip(left, `link add up0 type veth peer name up0 netns ${right}`);
    this.batch(left, ["addr add 192.0.2.1/24 dev up0", "link set up0 up"]);
    this.batch(right, ["addr add 192.0.2.2/24 dev up0", "link set up0 up"]);
  }

  /** Bundles TypeScript that may import from this folder's parent; gives the file to run with node. */
  bundle(name: string, contents: string): string {
    const outfile = join(this.directory, `${name}.cjs`);
    buildSync({
      stdin: { contents, resolveDir: join(import.meta.dirname, ".."), loader: "ts" },
      outfile,
      bundle: true,
      platform: "node",
      format: "cjs",
      logLevel: "error",
    });
    return outfile;
  }

  async destroy(): Promise<void> {
    for (const child of this.#children) await end(child);
    for (const namespace of this.#namespaces) execFileSync("ip", ["netns", "delete", namespace]);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

/** All a child wrote to stdout, once it has ended. */
export async function outputOf(child: ChildProcess): Promise<string> {
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  await once(child, "close");
  return text;
}

/** The first line a child writes to stdout. */
export async function firstLine(child: ChildProcess): Promise<string> {
  const [chunk] = (await once(child.stdout ?? child, "data")) as [Buffer];
  return chunk.toString().split("\n")[0] ?? "";
}
