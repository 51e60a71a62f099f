import type { BinarySet } from "./binaries.ts";
import { moduleVersionOf } from "./binaries.ts";

/**
 * The go.mod of a set's build. `ownGoMod` is the text of the fetched module's own go.mod, where the replace lines are
 * taken from; it is not read for `replaces: "none"`.
 */
export function goModText(set: BinarySet, ownGoMod: string): string {
  const replaces = { ...takenReplaces(set, ownGoMod), ...set.pins };
  const lines = Object.entries(replaces).map(([from, to]) => `\t${from} => ${to}\n`);
  return [
    `module lab/${set.id}\n`,
    "go 1.25.0\n",
    `require ${set.module} ${moduleVersionOf(set)}\n`,
    ...(lines.length > 0 ? [`replace (\n${lines.join("")})\n`] : []),
  ].join("\n");
}

function takenReplaces(set: BinarySet, ownGoMod: string): Record<string, string> {
  if (set.replaces === "staging") return stagingReplaces(ownGoMod, set.version);
  return set.replaces === "own" ? ownReplaces(ownGoMod) : {};
}

/** k8s.io modules that live in the Kubernetes tree are required at v0.0.0 there and published as v0.MINOR.PATCH. */
function stagingReplaces(goMod: string, version: string): Record<string, string> {
  const published = version.replace(/^1\./, "v0.");
  const names = [...goMod.matchAll(/^\s*(?:require\s+)?(k8s\.io\/[a-z0-9-]+) v0\.0\.0(?:\s|$)/gm)].map(
    ([, name]) => name,
  );
  return Object.fromEntries(names.map((name) => [name, `${name} ${published}`]));
}

/** The lines of all replace blocks (and single replace lines) as module -> what stands behind the arrow. */
function ownReplaces(goMod: string): Record<string, string> {
  const lines = goMod.matchAll(/^\s*(?:replace\s+)?(\S+)(?:\s+v\S+)?\s+=>\s+(\S+(?:\s+v\S+)?)\s*(?:\/\/.*)?$/gm);
  return Object.fromEntries([...lines].map(([, from, to]) => [from, to]));
}
