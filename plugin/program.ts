import { Command, CommanderError, Option } from "commander";
import { CliError, describeError, exitCodes, usageError } from "./errors.ts";
import { type Flag, type Flags, flagName, nearest, readFlags } from "./flags.ts";
import { type GlobalFlags, globalFlags } from "./global-flags.ts";
import { programHelp, verbHelp } from "./help.ts";
import type { Io } from "./io.ts";
import type { Session } from "./session.ts";
import { programName, type Verb } from "./verb.ts";

/** Opens the way to the cluster that the global flags name. */
export type Connect = (global: GlobalFlags, io: Io) => Promise<Session>;

/** Runs one command line; returns the exit code. What goes wrong is one line on standard error. */
export async function runProgram(
  argv: readonly string[],
  verbs: readonly Verb[],
  io: Io,
  connect: Connect,
): Promise<number> {
  try {
    return await dispatch(argv, verbs, io, connect);
  } catch (error) {
    // Whatever a cut request throws at Ctrl-C, it was the interrupt.
    const told = io.interrupt.aborted && !(error instanceof CliError) ? io.interrupt.reason : error;
    const { line, exitCode } = describeError(told);
    if (io.env.CNI_MIGRATE_DEBUG && error instanceof Error) io.stderr.write(`${error.stack}\n`);
    io.stderr.write(`error: ${line}\n`);
    return exitCode;
  }
}

async function dispatch(argv: readonly string[], verbs: readonly Verb[], io: Io, connect: Connect): Promise<number> {
  if (argv[0] === "__complete") {
    const { runComplete } = await import("./verbs/completion.ts");
    return runComplete(argv.slice(1), { io, connect: () => connect(readFlags(globalFlags, {}), io) });
  }
  if (argv[0] === "help") return showHelp(argv[1], verbs, io);
  let exitCode = 0;
  const program = buildProgram(verbs, io, async (verb, argument, raw, rawGlobal) => {
    const global = readFlags(globalFlags, rawGlobal);
    const flags = readFlags(verb.flags, raw);
    let session: Promise<Session> | undefined;
    const connectOnce = () => {
      session ??= connect(global, io);
      return session;
    };
    exitCode = await verb.run({ argument, flags, global, io, connect: connectOnce });
  });
  try {
    await program.parseAsync(normalize(argv, verbs), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw parseError(error, argv, verbs);
  }
  return exitCode;
}

/** `help` and `help COMMAND`: the same as --help. */
function showHelp(word: string | undefined, verbs: readonly Verb[], io: Io): number {
  const shown = verbs.filter((verb) => !verb.hidden);
  const verb = shown.find((candidate) => candidate.name === word);
  if (word !== undefined && verb === undefined) throw unknownCommand(word, shown);
  io.stdout.write(verb === undefined ? programHelp(shown) : verbHelp(verb));
  return exitCodes.done;
}

type Action = (
  verb: Verb,
  argument: string | undefined,
  raw: Record<string, unknown>,
  rawGlobal: Record<string, unknown>,
) => Promise<void>;

function buildProgram(verbs: readonly Verb[], io: Io, action: Action): Command {
  const shown = verbs.filter((verb) => !verb.hidden);
  const program = new Command(programName)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: () => {} })
    .configureHelp({
      formatHelp(command) {
        const verb = shown.find((candidate) => candidate.name === command.name());
        return verb === undefined ? programHelp(shown) : verbHelp(verb);
      },
    })
    .helpOption("-h, --help")
    .helpCommand(false)
    .allowExcessArguments()
    .action((_options: unknown, command: Command) => {
      const [word] = command.args;
      if (word !== undefined) throw unknownCommand(word, shown);
      command.outputHelp();
    });
  addFlags(program, globalFlags);
  for (const verb of verbs) program.addCommand(verbCommand(verb, program, action));
  return program;
}

function verbCommand(verb: Verb, program: Command, action: Action): Command {
  const command = new Command(verb.name)
    .copyInheritedSettings(program)
    .helpOption("-h, --help")
    .allowExcessArguments(false);
  if (verb.argument !== undefined) command.argument(`[${verb.argument.name}]`);
  addFlags(command, verb.flags);
  return command.action(async (...given: unknown[]) => {
    const argument = verb.argument === undefined ? undefined : (given[0] as string | undefined);
    await action(verb, argument, command.opts(), program.opts());
  });
}

function addFlags(command: Command, flags: Flags): void {
  for (const [key, flag] of Object.entries(flags)) for (const option of optionsOf(key, flag)) command.addOption(option);
}

/** A flag as the parser knows it; a switch also has its opposite, for --x=false. */
function optionsOf(key: string, flag: Flag): Option[] {
  const value = flag.kind === "switch" ? "" : ` <${flag.value}>`;
  const option = new Option(`${flag.short === undefined ? "" : `-${flag.short}, `}${flagName(key)}${value}`);
  if (flag.kind === "switch") return [option, new Option(flagName(key).replace("--", "--no-"))];
  if (flag.kind === "list") {
    return [option.argParser((next: string, before: string[] | undefined) => [...(before ?? []), next])];
  }
  return [
    option.argParser((next: string, before: string | undefined) => {
      if (before === undefined) return next;
      throw usageError(`${flagName(key)} is given twice: ${JSON.stringify(before)} and ${JSON.stringify(next)}`);
    }),
  ];
}

/** kubectl's spellings made the parser's: --wait=false, --wait=true, -o=json. What follows "--" stays as it is. */
export function normalize(argv: readonly string[], verbs: readonly Verb[]): string[] {
  const end = argv.includes("--") ? argv.indexOf("--") : argv.length;
  const all: Flags[] = [globalFlags, ...verbs.map((verb) => verb.flags)];
  const switches = new Set(
    all.flatMap((flags) =>
      Object.entries(flags).flatMap(([key, flag]) => (flag.kind === "switch" ? [flagName(key)] : [])),
    ),
  );
  const head = argv.slice(0, end).map((word) => {
    const short = /^-([a-zA-Z])=(.*)$/s.exec(word);
    if (short !== null) return `-${short[1]}${short[2]}`;
    const [, name = "", value = ""] = /^(--[a-z-]+)=(.*)$/s.exec(word) ?? [];
    if (!switches.has(name)) return word;
    if (value === "true") return name;
    if (value === "false") return name.replace("--", "--no-");
    throw usageError(`invalid value ${JSON.stringify(value)} for ${name}: must be true or false`);
  });
  return [...head, ...argv.slice(end)];
}

function unknownCommand(word: string, verbs: readonly Verb[]): CliError {
  const names = verbs.map((verb) => verb.name);
  const near = nearest(word, names);
  return usageError(
    `unknown command ${JSON.stringify(word)}: ${near === undefined ? `choose one of ${names.join(", ")}` : `did you mean ${near}?`}`,
  );
}

/** What the parser has against the words, as one line that ends in where to look. */
function parseError(error: CommanderError, argv: readonly string[], verbs: readonly Verb[]): CliError {
  const verb = verbs.find((candidate) => argv.includes(candidate.name));
  const what = error.message
    .replace(/^error: /, "")
    .replace(/\s*\n\s*/g, " ")
    .replace(/\.$/, "");
  return usageError(`${what}; see ${programName}${verb === undefined ? "" : ` ${verb.name}`} --help`);
}
