import type { Flags, FlagValues } from "./flags.ts";
import type { GlobalFlags } from "./global-flags.ts";
import type { Io } from "./io.ts";
import type { Session } from "./session.ts";

/** What a command is given. */
export interface Call<F extends Flags = Flags> {
  /** The NAME, where the verb takes one and it was given. */
  argument: string | undefined;
  flags: FlagValues<F>;
  global: GlobalFlags;
  io: Io;
  /** The way to the cluster, opened on first use: bad input is refused before. */
  connect(): Promise<Session>;
}

/** One command. Its file says all there is to say about it; main.ts and docs/cli.md are made from these. */
export interface Verb<F extends Flags = Flags> {
  name: string;
  /** At most one, optional: "NAME". */
  argument?: { name: string; help: string };
  /** One line, lower case, no full stop: the list of commands. */
  summary: string;
  /** What it does, when to use it, what it refuses, what to do afterwards. */
  description: string;
  examples: readonly { comment: string; command: string }[];
  flags: F;
  /** Not listed in help. */
  hidden?: boolean;
  /** Returns the exit code; throws `CliError` or `ApiError` for what is shown as one line. */
  run(call: Call<F>): Promise<number>;
}

/** Keeps the types of a verb's flags for its own `run`, and forgets them for the table of all verbs. */
export function defineVerb<const F extends Flags>(verb: Verb<F>): Verb {
  return verb as unknown as Verb;
}

/** How users call the plugin. */
export const programName = "kubectl cni-migrate";
