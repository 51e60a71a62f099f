import type { Clock } from "../../kube/clock.ts";
import type { Io, Sink } from "../io.ts";

/** An Io made of strings, with a clock that stands still until it is set. */
export interface TestIo extends Io {
  out(): string;
  err(): string;
  setClock(iso: string): void;
}

interface TestIoOptions {
  /** Both output streams and standard input are a terminal. */
  tty?: boolean;
  env?: Record<string, string>;
  stdin?: string;
  now?: string;
  interrupt?: AbortSignal;
  rows?: number;
  columns?: number;
  clock?: Clock;
}

export function testIo(options: TestIoOptions = {}): TestIo {
  const { tty = false, env = {}, stdin = "", rows = 40, columns = 120 } = options;
  let nowMs = Date.parse(options.now ?? "2026-11-21T12:00:00Z");
  const text = { out: "", err: "" };
  const sink = (name: "out" | "err"): Sink => ({
    write(more) {
      text[name] += more;
    },
    isTTY: tty,
    columns,
    rows,
  });
  return {
    stdout: sink("out"),
    stderr: sink("err"),
    stdin: {
      isTTY: tty,
      readAll: async () => Buffer.from(stdin),
      readLine: async () => (stdin === "" ? undefined : stdin.split("\n")[0]),
    },
    env,
    clock: options.clock ?? {
      nowMs: () => nowMs,
      monotonicMs: () => nowMs,
      random: () => 0.5,
      // Time passes only by hand; what sleeps sleeps until it is called off.
      sleep: (_seconds, signal) => new Promise((resolve) => signal?.addEventListener("abort", () => resolve())),
    },
    interrupt: options.interrupt ?? new AbortController().signal,
    out: () => text.out,
    err: () => text.err,
    setClock: (iso) => {
      nowMs = Date.parse(iso);
    },
  };
}
