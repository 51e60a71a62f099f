import type { Flags } from "./flags.ts";
import { globalFlags } from "./global-flags.ts";
import { about, exitCodeTexts, firstSteps, flagHelp, flagLabel, oneParagraph, usageOf } from "./help.ts";
import { programName, type Verb } from "./verb.ts";
import { verbs } from "./verbs/index.ts";

/** docs/cli.md, made from the same table as the commands and their help. */
export function renderCliDocs(): string {
  const shown = verbs.filter((verb) => !verb.hidden);
  const parts = [
    "<!-- Made by `npm run generate`. Do not edit. -->",
    "# Commands",
    about,
    fence(firstSteps.map(({ command, comment }) => `# ${comment}\n${programName} ${command}`)),
    list(shown.map((verb) => `[${verb.name}](#${verb.name}): ${verb.summary}`)),
    "Data goes to standard output, progress, warnings and questions to standard error. Nothing is asked where there is no terminal.",
    "## Exit codes",
    table(
      ["code", "meaning"],
      exitCodeTexts.map(([code, text]) => [String(code), text]),
    ),
    "## Flags of every command",
    flagTable(globalFlags),
    ...shown.flatMap(verbParts),
  ];
  return `${parts.join("\n\n")}\n`;
}

function verbParts(verb: Verb): string[] {
  const { name, description, argument, examples, flags } = verb;
  return [
    `## ${name}`,
    fence([usageOf(verb)]),
    oneParagraph(description),
    ...(argument === undefined ? [] : [`\`${argument.name}\`: ${argument.help}.`]),
    ...(Object.keys(flags).length === 0 ? [] : [flagTable(flags)]),
    fence(examples.map(({ comment, command }) => `# ${comment}\n${programName} ${command}`)),
  ];
}

function flagTable(flags: Flags): string {
  return table(
    ["flag", "meaning"],
    Object.entries(flags).map(([key, flag]) => [`\`${flagLabel(key, flag)}\``, flagHelp(flag)]),
  );
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(heads), `|${heads.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join("\n");
}

function fence(lines: readonly string[]): string {
  return `\`\`\`sh\n${lines.join("\n")}\n\`\`\``;
}
