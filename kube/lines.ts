/** Cuts a byte stream into lines, wherever the chunks happen to end. Each byte is looked at once and copied once. */
export class LineSplitter {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #size = 0;

  /** `maxBytes` bounds one line: what a server that never ends it can make us hold. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Lines that `chunk` completes, without their newline; empty ones are left out. Throws RangeError on a line too long. */
  *push(chunk: Buffer): Generator<string> {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      const line = this.#take(chunk.subarray(start, end));
      start = end + 1;
      if (line !== "") yield line;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  /** Bytes of a line that has not ended. */
  get pending(): number {
    return this.#size;
  }

  #take(tail: Buffer): string {
    this.#keep(tail);
    const line = this.#parts.length === 1 ? tail : Buffer.concat(this.#parts, this.#size);
    this.#parts = [];
    this.#size = 0;
    return line.toString("utf8").trim();
  }

  #keep(part: Buffer): void {
    this.#size += part.length;
    if (this.#size > this.#maxBytes) throw new RangeError(`a line is longer than ${this.#maxBytes} bytes`);
    this.#parts.push(part);
  }
}
