import { createHash } from "node:crypto";

/** Eight characters that stand for `text` in an object's name (32 bits: collisions are met by an owner check). */
export function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}
