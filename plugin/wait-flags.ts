import { usageError } from "./errors.ts";
import { durationSeconds, type FlagValues, text, toggle } from "./flags.ts";

/** `--wait` and its limit, of commands that set a migration going. */
export const waitFlags = {
  wait: toggle({ help: "stay until the migration ends, and show how it goes" }),
  timeout: text({
    value: "SPAN",
    help: "with --wait: give up after so long, such as 30m; the migration goes on",
    parse: durationSeconds,
  }),
};

/** Seconds to wait: false for not at all, undefined for ever. */
export type WaitSeconds = number | undefined | false;

/** Throws a usage error for a limit without a wait. */
export function waitSeconds({ wait, timeout }: FlagValues<typeof waitFlags>): WaitSeconds {
  if (timeout !== undefined && !wait) throw usageError("--timeout is for --wait: add --wait");
  return wait ? timeout : false;
}
