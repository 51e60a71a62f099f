import { type Flag, type Flags, flagName } from "./flags.ts";
import { globalFlags } from "./global-flags.ts";
import type { Verb } from "./verb.ts";

/** What cobra's directive 4 tells the shell: do not offer file names. 0: do what you always do. */
const noFiles = ":4";
const anything = ":0";

/**
 * Candidates for the last of `words`, as kubectl asks for them (kubectl_complete-cni_migrate): one a line with a tab and a
 * description, then a directive. `names` gives the migrations there are; it is asked only where one fits.
 */
export async function completions(
  words: readonly string[],
  verbs: readonly Verb[],
  names: () => Promise<readonly string[]>,
): Promise<string[]> {
  const shown = verbs.filter((verb) => !verb.hidden);
  const last = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const verb = shown.find((candidate) => before.includes(candidate.name));
  if (verb === undefined) {
    if (last.startsWith("-")) return [...flagLines(globalFlags, last), noFiles];
    return [...shown.filter((v) => v.name.startsWith(last)).map((v) => `${v.name}\t${v.summary}`), noFiles];
  }
  if (last.startsWith("-")) return [...flagLines({ ...verb.flags, ...globalFlags }, last), noFiles];
  const flag = flagFor(before.at(-1) ?? "", verb.flags);
  if (flag !== undefined && flag.kind !== "switch") {
    const choices = flag.kind === "text" ? (flag.choices ?? []) : [];
    // The value of a flag: one of a few words, or else a file or a word we do not know.
    return choices.length === 0 ? [anything] : [...choices.filter((choice) => choice.startsWith(last)), noFiles];
  }
  if (verb.argument?.name !== "NAME") return [noFiles];
  return [...(await names()).filter((name) => name.startsWith(last)), noFiles];
}

function flagLines(flags: Flags, prefix: string): string[] {
  return Object.entries(flags)
    .map(([key, flag]) => ({ name: flagName(key), help: flag.help }))
    .filter(({ name }) => name.startsWith(prefix))
    .map(({ name, help }) => `${name}\t${help}`);
}

/** The flag a word is, by its name or its letter. */
function flagFor(word: string, flags: Flags): Flag | undefined {
  return Object.entries({ ...flags, ...globalFlags } as Flags).find(
    ([key, flag]) => word === flagName(key) || word === `-${flag.short}`,
  )?.[1];
}
