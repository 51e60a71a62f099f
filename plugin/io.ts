import type { Clock } from "../kube/clock.ts";

/** A place text goes to: a terminal, a pipe, a string in a test. */
export interface Sink {
  write(text: string): void;
  isTTY: boolean;
  columns: number;
  rows: number;
}

/** All of the outside world a command touches, API servers excepted: what tests put something else in place of. */
export interface Io {
  /** Data. */
  stdout: Sink;
  /** Progress, warnings, questions, errors. */
  stderr: Sink;
  stdin: {
    isTTY: boolean;
    /** All of it, for `-f -`. Rejects above `limitBytes`. */
    readAll(limitBytes: number): Promise<Buffer>;
    /** One line, for an answer; undefined at its end. */
    readLine(): Promise<string | undefined>;
  };
  env: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  /** Fires at Ctrl-C and SIGTERM. */
  interrupt: AbortSignal;
}

/** Colours and redrawing are for terminals that understand them. */
export function isLive(sink: Sink, env: Io["env"]): boolean {
  return sink.isTTY && env.TERM !== "dumb" && !isSet(env.CI);
}

export function useColour(sink: Sink, env: Io["env"]): boolean {
  return isLive(sink, env) && !isSet(env.NO_COLOR);
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== "";
}

export function now(io: Io): Date {
  return new Date(io.clock.nowMs());
}
