/** One member of an archive. `path` is relative, with "/" between its parts and none at its ends. */
export type TarEntry =
  | { kind: "file"; path: string; mode: number; content: Uint8Array }
  | { kind: "symlink"; path: string; target: string }
  | { kind: "directory"; path: string; mode: number };

const block = 512;
const typeFlags = { file: "0", symlink: "2", directory: "5" } as const satisfies Record<TarEntry["kind"], string>;

/**
 * A tar archive (POSIX ustar) that depends on its entries alone: sorted by path, modification time 0, owner root.
 * Throws for a path the format has no room for and for a path that occurs twice.
 */
export function tar(entries: readonly TarEntry[]): Buffer {
  const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const parts: Uint8Array[] = [];
  let previous: string | undefined;
  for (const entry of sorted) {
    if (entry.path === previous) throw new Error(`two entries of the archive are called ${entry.path}`);
    previous = entry.path;
    parts.push(...member(entry));
  }
  parts.push(Buffer.alloc(2 * block));
  return Buffer.concat(parts);
}

/** Header, content and padding. */
function member(entry: TarEntry): Uint8Array[] {
  if (entry.kind !== "file") return [header(entry, 0)];
  const size = entry.content.byteLength;
  return [header(entry, size), entry.content, Buffer.alloc(padding(size))];
}

function padding(size: number): number {
  return (block - (size % block)) % block;
}

function header(entry: TarEntry, size: number): Buffer {
  const bytes = Buffer.alloc(block);
  const { name, prefix } = split(entry.kind === "directory" ? `${entry.path}/` : entry.path);
  text(bytes, 0, 100, name);
  octal(bytes, 100, 8, entry.kind === "symlink" ? 0o777 : entry.mode);
  octal(bytes, 108, 8, 0); // owner
  octal(bytes, 116, 8, 0); // group
  octal(bytes, 124, 12, size);
  octal(bytes, 136, 12, 0); // modification time
  text(bytes, 148, 8, "        "); // the checksum is taken over blanks
  text(bytes, 156, 1, typeFlags[entry.kind]);
  text(bytes, 157, 100, entry.kind === "symlink" ? entry.target : "");
  text(bytes, 257, 8, "ustar\u000000");
  text(bytes, 345, 155, prefix);
  const checksum = bytes.reduce((sum, byte) => sum + byte, 0);
  text(bytes, 148, 8, `${checksum.toString(8).padStart(6, "0")}\0 `);
  return bytes;
}

/** The format keeps a long path in two fields, cut at a "/". */
function split(path: string): { name: string; prefix: string } {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: "" };
  for (let cut = path.indexOf("/"); cut > 0; cut = path.indexOf("/", cut + 1)) {
    const [prefix, name] = [path.slice(0, cut), path.slice(cut + 1)];
    if (name !== "" && Buffer.byteLength(name) <= 100 && Buffer.byteLength(prefix) <= 155) return { name, prefix };
  }
  throw new Error(`the path is too long for a tar archive: ${path}`);
}

function octal(bytes: Buffer, offset: number, length: number, value: number): void {
  const digits = value.toString(8);
  if (digits.length >= length) throw new Error(`${value} does not fit a tar header`);
  text(bytes, offset, length, digits.padStart(length - 1, "0"));
}

function text(bytes: Buffer, offset: number, length: number, value: string): void {
  if (Buffer.byteLength(value) > length) throw new Error(`'${value}' does not fit a tar header`);
  bytes.write(value, offset, "latin1");
}
