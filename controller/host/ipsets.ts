import { matches } from "./checks.ts";
import { type HostDeps, HostError, lastWords, must } from "./deps.ts";

/** The kernel lets go of a set some milliseconds after the last rule that used it is gone. */
const releaseMs = 2_000;
const pollMs = 50;

/** Names of the sets of a network. */
export async function findIpsets(deps: HostDeps, patterns: readonly string[]): Promise<string[]> {
  if (patterns.length === 0) return [];
  const names = (await must(deps, ["ipset", "list", "-name"])).split("\n").filter(Boolean);
  return names.filter((name) => matches(patterns, name));
}

/** Destroys them and names what went. A set that stays in use is an error that names it. */
export async function destroyIpsets(deps: HostDeps, patterns: readonly string[]): Promise<string[]> {
  const found = await findIpsets(deps, patterns);
  const deadline = deps.now() + releaseMs;
  let left = found;
  while (left.length > 0) {
    const still: string[] = [];
    let why = "";
    for (const name of left) {
      const finished = await deps.run(["ipset", "destroy", name]);
      if (finished.code === 0) continue;
      why = lastWords(finished);
      still.push(name);
    }
    if (still.length > 0 && deps.now() >= deadline)
      throw new HostError(`ipset ${still[0]} cannot be destroyed: ${why}`);
    if (still.length > 0) await deps.sleep(pollMs);
    left = still;
  }
  return found;
}
