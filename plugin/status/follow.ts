import type { CniMigration, NodeMigration } from "../../crds/index.ts";
import { isApiError } from "../../kube/errors.ts";
import { Reflector } from "../../kube/reflector.ts";
import { cniMigrations, nodeMigrations } from "../../kube/resources.ts";
import type { KubeObject, Resource } from "../../kube/types.ts";
import { CliError, exitCodes } from "../errors.ts";
import { type Io, isLive, now, type Sink, useColour } from "../io.ts";
import { painter } from "../output.ts";
import type { Session } from "../session.ts";
import { programName } from "../verb.ts";
import type { WaitSeconds } from "../wait-flags.ts";
import { ChangeLines } from "./lines.ts";
import { renderStatus } from "./render.ts";
import { Screen } from "./screen.ts";
import { type Outcome, type StatusView, statusView } from "./view.ts";

export interface FollowOptions {
  /** Where the live picture, or the lines, go. */
  sink: Sink;
  wide: boolean;
  /** Seconds until it is given up with exit code 124; undefined: never. */
  timeoutSeconds: number | undefined;
}

export interface Followed {
  outcome: Exclude<Outcome, "running">;
  migration: CniMigration;
  nodes: NodeMigration[];
}

const lostContact = "the API server cannot be reached, still trying";
const backInContact = "the API server answers again";

/**
 * Shows a migration until it ends, and returns how. An API server that is away is waited for. Throws `CliError`: failed
 * when the migration is deleted, timeout, interrupted; the last two say how to come back to it.
 */
export async function follow(session: Session, io: Io, name: string, options: FollowOptions): Promise<Followed> {
  const stop = new AbortController();
  const signal = AbortSignal.any([io.interrupt, stop.signal]);
  const display = isLive(options.sink, io.env) ? new LiveDisplay(io, options) : new LineDisplay(io, options.sink);
  let away = false;
  const contact = (lost: boolean) => {
    if (lost !== away) display.note(lost ? lostContact : backInContact);
    away = lost;
  };
  const watch = <T extends KubeObject>(resource: Resource<T>, fieldSelector?: string) => {
    const reflector = new Reflector(session.client, resource, {
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
      signal,
      clock: io.clock,
      onError(error) {
        if (isApiError(error, 401, 403, 404)) stop.abort(error);
        else if (!isApiError(error, 410)) contact(true);
      },
    });
    reflector.onChange(() => contact(false));
    return reflector;
  };
  const migrations = watch(cniMigrations, `metadata.name=${name}`);
  const nodes = watch(nodeMigrations);
  const look = () => {
    const migration = migrations.get({ name });
    if (migration === undefined) throw new CliError("failed", `migration ${name} is gone: somebody deleted it`);
    return { migration, nodes: nodes.list() };
  };
  const show = () => {
    if (!migrations.isSynced || !nodes.isSynced || !migrations.has({ name })) return;
    const seen = look();
    display.show(statusView(seen.migration, seen.nodes, now(io)));
  };
  migrations.onChange(show);
  nodes.onChange(show);
  const ticking = display.ticks ? tick(io, signal, show) : undefined;
  try {
    await nodes.synced();
    return await migrations.waitFor(
      () => {
        const seen = look();
        const view = statusView(seen.migration, seen.nodes, now(io));
        display.show(view);
        return view.outcome === "running" ? undefined : { outcome: view.outcome, ...seen };
      },
      { timeoutSeconds: options.timeoutSeconds ?? forever, what: `migration ${name} to end` },
    );
  } catch (error) {
    throw withWayBack(error, name);
  } finally {
    stop.abort();
    await ticking;
  }
}

/**
 * The end of a command that has set a migration going: it says how to follow it, or stays as `wait` says. Returns the exit
 * code; throws as `follow` does.
 */
export async function followOn(session: Session, io: Io, name: string, wait: WaitSeconds): Promise<number> {
  if (wait === false) {
    io.stderr.write(`the controller has it; follow it with: ${programName} status ${name} -w\n`);
    return exitCodes.done;
  }
  const { outcome } = await follow(session, io, name, { sink: io.stderr, wide: false, timeoutSeconds: wait });
  return outcome === "succeeded" ? exitCodes.done : exitCodes.failed;
}

/** Timers take at most 2^31 - 1 ms: 24 days. */
const forever = 2_147_483;

function withWayBack(error: unknown, name: string): unknown {
  const back = `the migration goes on; come back with ${programName} status ${name} -w`;
  if (error instanceof CliError && error.kind === "interrupted")
    return new CliError("interrupted", `interrupted; ${back}`, error);
  if (isApiError(error, "Timeout")) return new CliError("timeout", `timed out; ${back}`, error);
  return error;
}

/** Draws each second, so that the times shown go on. */
async function tick(io: Io, signal: AbortSignal, show: () => void): Promise<void> {
  while (!signal.aborted) {
    await io.clock.sleep(1, signal);
    if (!signal.aborted) show();
  }
}

interface Display {
  /** Whether time alone changes what it shows. */
  ticks: boolean;
  show(view: StatusView): void;
  note(text: string): void;
}

/** One picture, drawn over and over, on a terminal. */
class LiveDisplay implements Display {
  readonly ticks = true;
  readonly #screen: Screen;
  readonly #io: Io;
  readonly #options: FollowOptions;
  #note = "";

  constructor(io: Io, options: FollowOptions) {
    this.#screen = new Screen(options.sink);
    this.#io = io;
    this.#options = options;
  }

  show(view: StatusView): void {
    const { sink, wide } = this.#options;
    const paint = painter(useColour(sink, this.#io.env));
    const others = 12 + view.conditions.length;
    const picture = renderStatus(view, { wide, mostNodes: Math.max(3, sink.rows - others), paint });
    this.#screen.draw(picture + (this.#note === "" ? "" : `\n${paint("bad", this.#note)}\n`));
  }

  note(text: string): void {
    this.#note = text === backInContact ? "" : text;
  }
}

/** A line for each change. */
class LineDisplay implements Display {
  readonly ticks = false;
  readonly #lines = new ChangeLines();
  readonly #io: Io;
  readonly #sink: Sink;

  constructor(io: Io, sink: Sink) {
    this.#io = io;
    this.#sink = sink;
  }

  show(view: StatusView): void {
    this.#write(this.#lines.next(view, now(this.#io)));
  }

  note(text: string): void {
    this.#write(this.#lines.note(text, now(this.#io)));
  }

  #write(lines: readonly string[]): void {
    for (const line of lines) this.#sink.write(`${line}\n`);
  }
}
