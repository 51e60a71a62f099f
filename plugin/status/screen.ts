import type { Sink } from "../io.ts";

// Select Graphic Rendition: the only sequences our own text holds.
const colour = /\u001b\[[0-9;]*m/y;

/** A block of text on a terminal that is written over by the next one. */
export class Screen {
  readonly #sink: Sink;
  #lines = 0;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Replaces what stands there. Lines are cut at the terminal's edge: one that wrapped would be counted wrongly. */
  draw(text: string): void {
    const lines = text
      .replace(/\n$/, "")
      .split("\n")
      .slice(0, Math.max(1, this.#sink.rows - 1));
    const up = this.#lines === 0 ? "" : `\u001b[${this.#lines}A`;
    this.#sink.write(`${up}\r\u001b[J${lines.map((line) => `${crop(line, this.#sink.columns)}\n`).join("")}`);
    this.#lines = lines.length;
  }
}

/** The first `columns` characters of a line; colour sequences take no room and are kept to the last. */
export function crop(line: string, columns: number): string {
  let out = "";
  let used = 0;
  for (let at = 0; at < line.length; ) {
    colour.lastIndex = at;
    const sequence = colour.exec(line)?.[0];
    if (sequence !== undefined) {
      out += sequence;
      at += sequence.length;
      continue;
    }
    const character = String.fromCodePoint(line.codePointAt(at) ?? 0);
    if (used < columns) out += character;
    used += 1;
    at += character.length;
  }
  return out;
}
