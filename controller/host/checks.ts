import { isRecord } from "./deps.ts";

/** Why a value is refused, or undefined when it will do. */
export type Check = (value: unknown) => string | undefined;

export interface Field {
  check: Check;
  optional?: boolean;
}
export type Shape<T> = { [K in keyof T]-?: Field };

export const required = (check: Check): Field => ({ check });
export const optional = (check: Check): Field => ({ check, optional: true });

/** Text of a form; `what` completes "… is not". */
export function text(form: RegExp, what: string): Check {
  return (value) => (typeof value === "string" && form.test(value) ? undefined : `${show(value)} is not ${what}`);
}

export function integer(min: number, max: number): Check {
  return (value) =>
    Number.isInteger(value) && Number(value) >= min && Number(value) <= max
      ? undefined
      : `${show(value)} is not a whole number from ${min} to ${max}`;
}

export function oneOf(...values: unknown[]): Check {
  return (value) => (values.includes(value) ? undefined : `${show(value)} is not one of ${values.join(", ")}`);
}

export function listOf(check: Check, max = 256, min = 0): Check {
  return (value) =>
    Array.isArray(value) && value.length >= min && value.length <= max
      ? firstProblem(value, check)
      : `is not a list of ${min} to ${max} entries`;
}

export function object<T>(shape: Shape<T>): Check {
  return (value) => (isRecord(value) ? shapeProblem(value, shape as Record<string, Field>) : "is not an object");
}

/** The first field that is missing, unknown or wrong. */
export function shapeProblem(value: Record<string, unknown>, shape: Record<string, Field>): string | undefined {
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(shape, name));
  if (unknown !== undefined) return `field ${show(unknown)} is not known`;
  return firstProblem(Object.entries(shape), ([name, field]) => {
    if (value[name] === undefined) return field.optional ? undefined : `field ${name} is missing`;
    const problem = field.check(value[name]);
    return problem === undefined ? undefined : `${name}: ${problem}`;
  });
}

/** What belongs to somebody else: exact names, and everything that starts with a prefix. */
export interface Foreign {
  names: readonly string[];
  prefixes: readonly string[];
}

/** A name of these characters, or a prefix of three or more and `*`, that reaches nothing foreign. */
export function pattern(characters: string, maxLength: number, foreign: Foreign): Check {
  const form = new RegExp(`^(?!-)(?:[${characters}]{1,${maxLength}}|[${characters}]{3,${maxLength}}\\*)$`);
  return (value) => {
    if (typeof value !== "string" || !form.test(value)) return `${show(value)} is not a name or a prefix and "*"`;
    const hit = reached(value, foreign);
    return hit === undefined ? undefined : `${show(value)} reaches ${hit}, which belongs to somebody else`;
  };
}

function reached(value: string, { names, prefixes }: Foreign): string | undefined {
  const start = value.endsWith("*") ? value.slice(0, -1) : undefined;
  const covers = (name: string) => (start === undefined ? name === value : name.startsWith(start));
  return names.find(covers) ?? prefixes.find((prefix) => value.startsWith(prefix) || covers(prefix));
}

/** Whether a name is one of the names and prefixes of a footprint. */
export function matches(patterns: readonly string[], name: string): boolean {
  return patterns.some((entry) => (entry.endsWith("*") ? name.startsWith(entry.slice(0, -1)) : name === entry));
}

export function show(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 80);
}

function firstProblem<T>(entries: readonly T[], problemOf: (entry: T) => string | undefined): string | undefined {
  for (const entry of entries) {
    const problem = problemOf(entry);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
