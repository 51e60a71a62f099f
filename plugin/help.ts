import { type Flag, type Flags, flagName } from "./flags.ts";
import { globalFlags } from "./global-flags.ts";
import { programName, type Verb } from "./verb.ts";

/** The texts users read first; help and docs/cli.md are both made of them. */
export const about = "Changes the network of a running Kubernetes cluster, node by node, with no request lost.";

export const firstSteps = [
  { command: "plan --target calico -f calico-vxlan.yaml", comment: "what would happen, and what is in the way" },
  { command: "install", comment: "the controller that does the work" },
  { command: "start --target calico -f calico-vxlan.yaml", comment: "begin" },
  { command: "status -w", comment: "watch it to its end" },
] as const;

export const exitCodeTexts = [
  [0, "done"],
  [1, "failed, or the migration is stalled"],
  [2, "bad usage or bad input; nothing was changed"],
  [3, "something found in the cluster stands in the way; nothing was changed"],
  [124, "timed out; a migration goes on"],
  [130, "interrupted; a migration goes on"],
] as const;

const helpFlag = { kind: "switch", short: "h", default: false, help: "show help" } as const satisfies Flag;
const width = 100;

/** `kubectl cni-migrate --help`. */
export function programHelp(verbs: readonly Verb[]): string {
  const steps = firstSteps.map(({ command, comment }) => [`${programName} ${command}`, comment] as const);
  return sections([
    about,
    section("Usage", `  ${programName} COMMAND [flags]`),
    section("First steps", columns(steps)),
    section("Commands", columns(verbs.map((verb) => [verb.name, verb.summary]))),
    section("Flags of every command", columns(flagRows({ help: helpFlag, ...globalFlags }))),
    section("Exit codes", columns(exitCodeTexts.map(([code, text]) => [String(code), text]))),
    `"${programName} COMMAND --help" says more about a command.`,
  ]);
}

/** `kubectl cni-migrate VERB --help`. */
export function verbHelp(verb: Verb): string {
  return sections([
    wrap(oneParagraph(verb.description), width).join("\n"),
    section("Usage", `  ${usageOf(verb)}`),
    section(
      "Examples",
      verb.examples.map(({ comment, command }) => `  # ${comment}\n  ${programName} ${command}`).join("\n"),
    ),
    verb.argument === undefined ? "" : section("Argument", columns([[verb.argument.name, verb.argument.help]])),
    section("Flags", columns(flagRows({ ...verb.flags, help: helpFlag }))),
    `Flags of every command (context, credentials, ...): ${programName} --help`,
  ]);
}

export function usageOf(verb: Verb): string {
  const argument = verb.argument === undefined ? "" : ` [${verb.argument.name}]`;
  return `${programName} ${verb.name}${argument} [flags]`;
}

/** Descriptions are broken into lines for those who read the source; readers of help have other widths. */
export function oneParagraph(text: string): string {
  return text.replace(/\s*\n\s*/g, " ").trim();
}

/** "-f, --filename FILE|URL|-" */
export function flagLabel(key: string, flag: Flag): string {
  const short = flag.short === undefined ? "" : `-${flag.short}, `;
  return `${short}${flagName(key)}${flag.kind === "switch" ? "" : ` ${flag.value}`}`;
}

/** Help text with the default, where there is one to tell. */
export function flagHelp(flag: Flag): string {
  if (flag.kind === "switch") return flag.default ? `${flag.help} (default true)` : flag.help;
  if (flag.kind === "list" || flag.default === undefined) return flag.help;
  return `${flag.help} (default ${String(flag.shownDefault ?? flag.default)})`;
}

function flagRows(flags: Flags): (readonly [string, string])[] {
  const anyShort = Object.values(flags).some((flag) => flag.short !== undefined);
  return Object.entries(flags).map(([key, flag]) => {
    const indent = anyShort && flag.short === undefined ? "    " : "";
    return [`${indent}${flagLabel(key, flag)}`, flagHelp(flag)] as const;
  });
}

function section(title: string, body: string): string {
  return `${title}:\n${body}`;
}

function sections(parts: readonly string[]): string {
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

/** Two columns; the right one is wrapped. */
function columns(rows: readonly (readonly [string, string])[]): string {
  const left = Math.max(...rows.map(([name]) => name.length)) + 5;
  return rows
    .map(([name, text]) => {
      const [first = "", ...more] = wrap(text, width - left);
      return [`  ${name}`.padEnd(left) + first, ...more.map((line) => " ".repeat(left) + line)].join("\n");
    })
    .join("\n");
}

function wrap(text: string, most: number): string[] {
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= most) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
