import { exitCodes } from "../errors.ts";
import type { Call } from "../verb.ts";
import { defineVerb } from "../verb.ts";

/** kubectl runs a program of this name for the completions of `kubectl cni-migrate`. */
const completionScript = '#!/bin/sh\nexec kubectl-cni_migrate __complete "$@"\n';

/** Seconds a shell may be kept waiting for names of migrations. */
const patienceSeconds = 2;

export default defineVerb({
  name: "completion",
  summary: "print the program that lets kubectl complete these commands",
  description: `Prints a two-line shell program. Put it on the PATH under the name kubectl_complete-cni_migrate, executable: kubectl 1.26
and newer then completes commands, flags and names of migrations.`,
  examples: [
    {
      comment: "Turn completion on",
      command:
        "completion > ~/.krew/bin/kubectl_complete-cni_migrate && chmod +x ~/.krew/bin/kubectl_complete-cni_migrate",
    },
  ],
  flags: {},
  async run({ io }) {
    io.stdout.write(completionScript);
    return exitCodes.done;
  },
});

/** Asked by the program above with the words typed so far. Never fails: a shell shows no errors. */
export async function runComplete(
  words: readonly string[],
  { io, connect }: Pick<Call, "io" | "connect">,
): Promise<number> {
  const { completions } = await import("../completion.ts");
  const { verbs } = await import("./index.ts");
  const names = async () => {
    try {
      const { listMigrations } = await import("../migrations.ts");
      const all = await listMigrations(await connect(), { timeoutSeconds: patienceSeconds });
      return (all ?? []).map((migration) => migration.metadata.name).sort();
    } catch {
      return [];
    }
  };
  io.stdout.write((await completions(words, verbs, names)).map((line) => `${line}\n`).join(""));
  return exitCodes.done;
}
