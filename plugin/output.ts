import { styleText } from "node:util";
import { stringify } from "yaml";

/** C0 and C1 controls, line and paragraph separators, bidirectional controls, lone surrogates: what can deceive a terminal. */
const deceptive =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Text from the cluster made safe for a terminal: what is not printable becomes visible, as "\u001b". */
export function escapeText(text: string): string {
  return text.replace(deceptive, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

export type Tone = "good" | "bad" | "busy" | "dim" | "strong";
const styles = { good: "green", bad: "red", busy: "yellow", dim: "gray", strong: "bold" } as const;

/** Colours a text; the identity where colours are off. */
export type Paint = (tone: Tone | undefined, text: string) => string;

export function painter(colour: boolean): Paint {
  return (tone, text) =>
    colour && tone !== undefined ? styleText(styles[tone], text, { validateStream: false }) : text;
}

/** A cell: its text, and a tone where it matters. */
export type Cell = string | { text: string; tone: Tone };

/** Columns aligned as kubectl does: upper-case heads, three spaces between, no borders. Cells are escaped. Ends in a newline. */
export function table(heads: readonly string[], rows: readonly (readonly Cell[])[], paint: Paint): string {
  const lines = [heads, ...rows].map((row) => row.map((cell) => escapeText(textOf(cell)) || "<none>"));
  const widths = heads.map((_, column) => Math.max(...lines.map((line) => width(line[column] ?? ""))));
  return lines
    .map((line, row) =>
      line
        .map((text, column) => {
          const cell = row === 0 ? undefined : rows[row - 1]?.[column];
          const padding = column === line.length - 1 ? "" : " ".repeat((widths[column] ?? 0) - width(text) + 3);
          return paint(typeof cell === "object" ? cell.tone : undefined, text) + padding;
        })
        .join("")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** "Status:   Migrating" lines with aligned values; entries without a value are left out. */
export function fields(entries: readonly (readonly [name: string, value: Cell | undefined])[], paint: Paint): string {
  const shown = entries.filter((entry): entry is readonly [string, Cell] => entry[1] !== undefined && entry[1] !== "");
  const widest = Math.max(0, ...shown.map(([name]) => name.length));
  return shown
    .map(([name, value]) => {
      const text = paint(typeof value === "object" ? value.tone : undefined, escapeText(textOf(value)));
      return `${`${name}:`.padEnd(widest + 1)}   ${text}\n`;
    })
    .join("");
}

/**
 * JSON or YAML for programs: nothing is escaped or rounded, and nothing left out but metadata.managedFields, as kubectl has
 * it. Several values: a stream of documents.
 */
export function serialize(format: "json" | "yaml", given: readonly unknown[]): string {
  const values = given.map((value) => JSON.parse(JSON.stringify(value, withoutManagedFields)));
  if (format === "json") return values.map((value) => `${JSON.stringify(value, null, 2)}\n`).join("");
  return values.map((value) => stringify(value, { lineWidth: 0, aliasDuplicateObjects: false })).join("---\n");
}

function withoutManagedFields(key: string, value: unknown): unknown {
  if (key !== "metadata" || typeof value !== "object" || value === null) return value;
  const { managedFields: _, ...rest } = value as Record<string, unknown>;
  return rest;
}

/** The first few of many: "a, b, c and 4 more". */
export function someOf(names: readonly string[], most = 3): string {
  const shown = names.slice(0, most).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

/** kubectl's short form of a span in seconds: 8s, 3m10s, 2h5m, 4d3h. Negative spans (clock skew) read 0s. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const units: [string, number][] = [
    ["d", 86_400],
    ["h", 3_600],
    ["m", 60],
    ["s", 1],
  ];
  const first = units.findIndex(([, size]) => s >= size);
  if (first === -1) return "0s";
  let rest = s;
  return units
    .slice(first, first + 2)
    .map(([unit, size]) => {
      const count = Math.floor(rest / size);
      rest -= count * size;
      return count === 0 ? "" : `${count}${unit}`;
    })
    .join("");
}

function textOf(cell: Cell): string {
  return typeof cell === "object" ? cell.text : cell;
}

/** Columns a text takes: one a code point. */
function width(text: string): number {
  return [...text].length;
}
