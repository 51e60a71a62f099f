import { difference, type EndState, pathOf } from "./end-state.ts";
import type { Outcome } from "./run.ts";

/** What runs that nobody disturbed came to. */
export interface Reference {
  /** Points of the first, in their order. */
  points: string[];
  end: EndState;
  /** Where undisturbed runs differ from each other: nothing is to be read from it. */
  restless: ReadonlySet<string>;
  census: Record<string, number>;
  evictions: Record<string, number>;
  seconds: number;
}

/** Throws when the undisturbed runs do not agree on what was done, or were wrong themselves. */
export function referenceOf(clean: readonly Outcome[]): Reference {
  const [first, ...others] = clean;
  if (first === undefined) throw new Error("no undisturbed run");
  const problems = clean.flatMap((outcome) => outcome.problems);
  if (problems.length > 0) throw new Error(`an undisturbed run went wrong: ${problems.join("; ")}`);
  for (const other of others) {
    const unequal = [...unequalCounts("pods made", first.census, other.census), ...evictionProblems(first, other)];
    if (unequal.length > 0) throw new Error(`two undisturbed runs differ: ${unequal.join("; ")}`);
  }
  const restless = new Set(others.flatMap((other) => difference(first.end, other.end).map(pathOf)));
  const { points, end, census, evictions } = first;
  return { points, end, restless, census, evictions, seconds: Math.max(...clean.map(({ seconds }) => seconds)) };
}

/** All that is wrong with a disturbed run; empty: it did the same as the undisturbed ones. */
export function judge(reference: Reference, outcome: Outcome): string[] {
  // How far it is from an end it never reached says nothing more.
  if (!outcome.ended) return outcome.problems;
  const changed = difference(reference.end, outcome.end).filter((line) => !reference.restless.has(pathOf(line)));
  return [
    ...outcome.problems,
    ...unequalCounts("pods made", reference.census, outcome.census),
    ...evictionProblems(reference, outcome),
    ...changed.slice(0, 12).map((line) => `end state: ${line}`),
    ...(changed.length > 12 ? [`end state: ${changed.length - 12} lines more`] : []),
  ];
}

function evictionProblems(wanted: Pick<Outcome, "evictions">, found: Pick<Outcome, "evictions">): string[] {
  return unequalCounts("evictions", wanted.evictions, found.evictions);
}

function unequalCounts(what: string, wanted: Record<string, number>, found: Record<string, number>): string[] {
  const names = [...new Set([...Object.keys(wanted), ...Object.keys(found)])].sort();
  return names
    .filter((name) => !asWanted(name, wanted[name] ?? 0, found[name] ?? 0))
    .map((name) => `${what}: ${name}: ${found[name] ?? 0} instead of ${wanted[name] ?? 0}`);
}

/** Whether a node that is soon to begin gets a probe server before is a matter of who is quicker; never two of them. */
function asWanted(name: string, wanted: number, found: number): boolean {
  return name.startsWith("probe-") ? found <= 1 : found === wanted;
}
