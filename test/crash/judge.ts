import { difference, type EndState, pathOf } from "./end-state.ts";
import type { Outcome } from "./run.ts";

/** Between how few and how many undisturbed runs made of each. */
type Ranges = Readonly<Record<string, readonly [least: number, most: number]>>;

/** What runs that nobody disturbed came to. */
export interface Reference {
  /** Points of the first, in their order. */
  points: string[];
  end: EndState;
  /** Where undisturbed runs differ from each other: nothing is to be read from it. */
  restless: ReadonlySet<string>;
  census: Ranges;
  evictions: Ranges;
  /** Pods that are not compared. */
  loose: RegExp;
  seconds: number;
}

const nothing = /^$/;

/** Throws when an undisturbed run went wrong, or none was made. */
export function referenceOf(clean: readonly Outcome[], loose = nothing): Reference {
  const [first, ...others] = clean;
  if (first === undefined) throw new Error("no undisturbed run");
  const problems = clean.flatMap((outcome) => outcome.problems);
  if (problems.length > 0) throw new Error(`an undisturbed run went wrong: ${problems.join("; ")}`);
  return {
    points: first.points,
    end: first.end,
    restless: new Set(others.flatMap((other) => difference(first.end, other.end).map(pathOf))),
    census: rangesOf(clean.map(({ census }) => census)),
    evictions: rangesOf(clean.map(({ evictions }) => evictions)),
    loose,
    seconds: Math.max(...clean.map(({ seconds }) => seconds)),
  };
}

/** All that is wrong with a disturbed run; empty: it did the same as the undisturbed ones. */
export function judge(reference: Reference, outcome: Outcome): string[] {
  // How far it is from an end it never reached says nothing more.
  if (!outcome.ended) return outcome.problems;
  const { restless, loose } = reference;
  const changed = difference(reference.end, outcome.end).filter(
    (line) => !restless.has(pathOf(line)) && !(/^[+-] pods /.test(line) && loose.test(line)),
  );
  const counts = [
    ...outside("pods made", reference.census, outcome.census),
    ...outside("evictions", reference.evictions, outcome.evictions),
  ];
  return [
    ...outcome.problems,
    ...counts.filter((line) => !loose.test(line)),
    ...changed.slice(0, 12).map((line) => `end state: ${line}`),
    ...(changed.length > 12 ? [`end state: ${changed.length - 12} lines more`] : []),
  ];
}

function rangesOf(counts: readonly Record<string, number>[]): Ranges {
  const names = [...new Set(counts.flatMap((count) => Object.keys(count)))];
  return Object.fromEntries(
    names.map((name) => {
      const all = counts.map((count) => count[name] ?? 0);
      return [name, [leastOf(name, all), Math.max(...all)]];
    }),
  );
}

/** Whether a node that is soon to begin gets a probe server before is a matter of who is quicker; never two of them. */
function leastOf(name: string, counts: readonly number[]): number {
  return isProbeServer(name) ? 0 : Math.min(...counts);
}

function isProbeServer(name: string): boolean {
  return name.startsWith("probe-");
}

function outside(what: string, wanted: Ranges, found: Record<string, number>): string[] {
  const names = [...new Set([...Object.keys(wanted), ...Object.keys(found)])].sort();
  return names.flatMap((name) => {
    const [least, most] = wanted[name] ?? [0, isProbeServer(name) ? 1 : 0];
    const count = found[name] ?? 0;
    if (count >= least && count <= most) return [];
    return [`${what}: ${name}: ${count} instead of ${least === most ? most : `${least} to ${most}`}`];
  });
}
