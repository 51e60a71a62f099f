import { isDeepStrictEqual } from "node:util";

type Json = Record<string, unknown>;
type Named = Json & { name: string };

/**
 * What makes one object out of another, told so finely that it can be made of a third one as well, which somebody has changed
 * elsewhere meanwhile: maps field by field, lists of named items (containers, variables, versions) item by item, all other
 * lists as one value.
 */
export type Difference =
  | { kind: "value"; to: unknown }
  | { kind: "gone" }
  | { kind: "fields"; fields: Record<string, Difference> }
  | { kind: "items"; items: { name: string; change: Difference; after?: string }[] };

/** Undefined when they are equal. */
export function difference(from: unknown, to: unknown): Difference | undefined {
  if (isDeepStrictEqual(from, to)) return undefined;
  if (to === undefined) return { kind: "gone" };
  if (isMap(from) && isMap(to)) return { kind: "fields", fields: fieldsOf(from, to) };
  const [before, after] = [namedItems(from), namedItems(to)];
  if (before === undefined || after === undefined || !sameOrder(before, after)) return { kind: "value", to };
  return { kind: "items", items: itemsOf(before, after) };
}

/** `value` with the difference made in it; undefined when nothing is left of it. What is there already is not done again. */
export function withDifference(value: unknown, change: Difference): unknown {
  switch (change.kind) {
    case "value":
      return structuredClone(change.to);
    case "gone":
      return undefined;
    case "fields":
      return withFields(value, change.fields);
    case "items":
      return withItems(value, change.items);
  }
}

function fieldsOf(from: Json, to: Json): Record<string, Difference> {
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  const found = keys.map((key) => [key, difference(from[key], to[key])] as const);
  return Object.fromEntries(found.filter((entry): entry is readonly [string, Difference] => entry[1] !== undefined));
}

function itemsOf(from: readonly Named[], to: readonly Named[]) {
  const gone = from.filter(({ name }) => !to.some((item) => item.name === name));
  const changed = to.flatMap((item, i) => {
    const old = from.find(({ name }) => name === item.name);
    const change = difference(old, item);
    const after = old === undefined ? to[i - 1]?.name : undefined;
    return change === undefined ? [] : [{ name: item.name, change, ...(after === undefined ? {} : { after }) }];
  });
  return [...gone.map(({ name }) => ({ name, change: { kind: "gone" } as const })), ...changed];
}

function withFields(value: unknown, fields: Record<string, Difference>): Json | undefined {
  const result: Json = isMap(value) ? { ...value } : {};
  for (const [key, change] of Object.entries(fields)) {
    const changed = withDifference(result[key], change);
    if (changed === undefined) delete result[key];
    else result[key] = changed;
  }
  // A map made only to take something out of it.
  return !isMap(value) && Object.keys(result).length === 0 ? undefined : result;
}

function withItems(value: unknown, items: readonly { name: string; change: Difference; after?: string }[]): unknown {
  let result: Named[] = [...(namedItems(value) ?? [])];
  for (const { name, change, after } of items) {
    const index = result.findIndex((item) => item.name === name);
    const changed = withDifference(result[index], change) as Named | undefined;
    if (changed === undefined) result = result.filter((item) => item.name !== name);
    else if (index >= 0) result[index] = changed;
    // An item that somebody took away is not made anew of a part of it.
    else if (change.kind === "value") result.splice(result.findIndex((item) => item.name === after) + 1, 0, changed);
  }
  return !Array.isArray(value) && result.length === 0 ? undefined : result;
}

/** The items of a list in which each has a name of its own; undefined for all else. */
function namedItems(value: unknown): Named[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items: unknown[] = value;
  const names = items.map((item) => (isMap(item) && typeof item.name === "string" ? item.name : undefined));
  return names.includes(undefined) || new Set(names).size < names.length ? undefined : (items as Named[]);
}

/** Those in both are in the same order in both. */
function sameOrder(from: readonly Named[], to: readonly Named[]): boolean {
  const common = (list: readonly Named[], other: readonly Named[]) =>
    list.map(({ name }) => name).filter((name) => other.some((item) => item.name === name));
  return isDeepStrictEqual(common(from, to), common(to, from));
}

function isMap(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
