import { crc32 } from "node:zlib";

const longestStored = 0xffff;

/**
 * A gzip file whose content is stored, not compressed: the same bytes from every Node version, processor and system.
 * (zlib's compressed output differs between them, and a published sha256 has to be reproducible by anyone.)
 */
export function storedGzip(content: Uint8Array): Buffer {
  // RFC 1952: magic, method deflate, no flags, no time, no extra flags, unknown system.
  const parts: Uint8Array[] = [Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])];
  for (let offset = 0; offset === 0 || offset < content.byteLength; offset += longestStored) {
    const chunk = content.subarray(offset, offset + longestStored);
    const last = offset + longestStored >= content.byteLength;
    // RFC 1951, section 3.2.4: final bit and type 00, length, its complement.
    const head = Buffer.alloc(5);
    head.writeUInt8(last ? 1 : 0, 0);
    head.writeUInt16LE(chunk.byteLength, 1);
    head.writeUInt16LE(~chunk.byteLength & 0xffff, 3);
    parts.push(head, chunk);
  }
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(crc32(content), 0);
  tail.writeUInt32LE(content.byteLength % 2 ** 32, 4);
  return Buffer.concat([...parts, tail]);
}
