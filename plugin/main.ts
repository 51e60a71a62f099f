import { setMaxListeners } from "node:events";
import { createInterface } from "node:readline/promises";
import { systemClock } from "../kube/clock.ts";
import { CliError, exitCodes } from "./errors.ts";
import type { Io, Sink } from "./io.ts";
import { runProgram } from "./program.ts";
import { verbs } from "./verbs/index.ts";

/** The process around the commands: streams, signals, exit code. */

function sinkOf(stream: NodeJS.WriteStream): Sink {
  return {
    write: (text) => {
      stream.write(text);
    },
    get isTTY() {
      return stream.isTTY ?? false;
    },
    get columns() {
      return stream.columns ?? 80;
    },
    get rows() {
      return stream.rows ?? 24;
    },
  };
}

async function readAll(limitBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limitBytes) throw new Error(`larger than ${limitBytes / 1024 / 1024} MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Ends without an answer at Ctrl-C: a question must not keep the process. */
async function readLine(interrupt: AbortSignal): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin });
  const close = () => lines.close();
  interrupt.addEventListener("abort", close, { once: true });
  try {
    for await (const line of lines) return line;
    return undefined;
  } finally {
    interrupt.removeEventListener("abort", close);
    lines.close();
  }
}

/** Fires at the first Ctrl-C or SIGTERM; the second ends the process where it stands. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    controller.abort(new CliError("interrupted", "interrupted"));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return controller.signal;
}

async function main(): Promise<void> {
  const interrupt = interruptSignal();
  const io: Io = {
    stdout: sinkOf(process.stdout),
    stderr: sinkOf(process.stderr),
    stdin: { isTTY: process.stdin.isTTY ?? false, readAll, readLine: () => readLine(interrupt) },
    env: process.env,
    clock: systemClock,
    interrupt,
  };
  // "status | head" closes the pipe early: that is no failure.
  process.stdout.on("error", () => process.exit(exitCodes.done));
  process.exitCode = await runProgram(process.argv.slice(2), verbs, io, async (global) => {
    const { connect } = await import("./connect.ts");
    return connect(global, io);
  });
}

void main();
