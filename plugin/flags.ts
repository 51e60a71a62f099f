import { usageError } from "./errors.ts";

interface FlagBase {
  /** One letter. */
  short?: string;
  help: string;
}

/** `--name VALUE`. `parse` throws a sentence fragment on a bad value: "must be an integer of at least 1 or ...". */
export interface TextFlag<T> extends FlagBase {
  kind: "text";
  /** What stands for the value in help: "NETWORK". */
  value: string;
  parse(text: string): T;
  default: T;
  /** How help writes the default, where it is not the value itself: "5m" for 300. */
  shownDefault?: string;
  /** What a shell may offer as the value. */
  choices?: readonly string[];
}

/** `--name VALUE`, any number of times. */
export interface ListFlag extends FlagBase {
  kind: "list";
  value: string;
}

/** `--name`, `--name=false`. */
export interface SwitchFlag extends FlagBase {
  kind: "switch";
  default: boolean;
}

export type Flag = TextFlag<unknown> | ListFlag | SwitchFlag;
/** By camel-case name: `batchSize` is --batch-size. */
export type Flags = Readonly<Record<string, Flag>>;

type ValueOf<F> = F extends SwitchFlag
  ? boolean
  : F extends ListFlag
    ? string[]
    : F extends TextFlag<infer T>
      ? T
      : never;
export type FlagValues<F extends Flags> = { -readonly [K in keyof F]: ValueOf<F[K]> };

type Optional<T> = TextFlag<T | undefined>;
interface TextSpec<T> extends FlagBase {
  value: string;
  shownDefault?: string;
  choices?: readonly string[];
  parse(text: string): T;
}

/** A flag that may be absent: undefined then. */
export function text<T>(spec: TextSpec<T>): Optional<T> {
  return { kind: "text", default: undefined, ...spec };
}

/** A flag that has a value of its own when absent. */
export function textOr<T>(fallback: T, spec: TextSpec<T>): TextFlag<T> {
  return { kind: "text", default: fallback, ...spec };
}

export function list(spec: FlagBase & { value: string }): ListFlag {
  return { kind: "list", ...spec };
}

export function toggle(spec: FlagBase & { default?: boolean }): SwitchFlag {
  return { kind: "switch", default: false, ...spec };
}

/** camelCase -> --kebab-case. */
export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Any text but none. */
export function anyText(value: string): string {
  if (value === "") throw new Error("must not be empty");
  return value;
}

/** One of a closed set. */
export function oneOf<const T extends string>(...choices: T[]): (value: string) => T {
  return (value) => {
    const found = choices.find((choice) => choice === value);
    if (found !== undefined) return found;
    const near = nearest(value, choices);
    throw new Error(`must be ${orList(choices)}${near === undefined ? "" : `; did you mean ${near}?`}`);
  };
}

/** A span as Go writes it (90s, 10m, 1h30m), in seconds. At least a second, at most 1000 hours. */
export function durationSeconds(value: string): number {
  const parts = /^(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,7})s)?$/.exec(value);
  const [h, m, s] = [parts?.[1], parts?.[2], parts?.[3]].map((part) => Number(part ?? 0));
  const seconds = (h ?? 0) * 3_600 + (m ?? 0) * 60 + (s ?? 0);
  if (value === "" || parts === null || seconds < 1 || seconds > 3_600_000)
    throw new Error("must be a span of at least 1s, such as 90s, 10m or 1h30m");
  return seconds;
}

/** A whole number within bounds. */
export function integer(least: number, most: number): (value: string) => number {
  return (value) => {
    const number = /^(0|[1-9]\d{0,9})$/.test(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw new Error(`must be a whole number from ${least} to ${most}`);
  };
}

/** Raw words, as the parser found them, into typed values. Throws a usage error that names flag, value and remedy. */
export function readFlags<F extends Flags>(flags: F, raw: Readonly<Record<string, unknown>>): FlagValues<F> {
  const values = Object.entries(flags).map(([key, flag]) => [key, readFlag(key, flag, raw[key])]);
  return Object.fromEntries(values) as FlagValues<F>;
}

function readFlag(key: string, flag: Flag, raw: unknown): unknown {
  if (flag.kind === "switch") return raw ?? flag.default;
  if (flag.kind === "list") return raw ?? [];
  if (raw === undefined) return flag.default;
  try {
    return flag.parse(String(raw));
  } catch (error) {
    throw usageError(`invalid value ${JSON.stringify(raw)} for ${flagName(key)}: ${(error as Error).message}`);
  }
}

/** "a", "a or b", "a, b or c". */
export function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** The choice a mistyped word was likely meant to be: at most two edits away. */
export function nearest(word: string, choices: readonly string[]): string | undefined {
  const lower = word.slice(0, 40).toLowerCase();
  const ranked = choices.map((choice) => ({ choice, edits: editDistance(lower, choice.toLowerCase()) }));
  ranked.sort((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best !== undefined && best.edits <= 2 && best.edits < best.choice.length ? best.choice : undefined;
}

/** Insertions, deletions and replacements between two words. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      const across = (previous[column - 1] ?? 0) + same;
      current.push(Math.min(across, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
