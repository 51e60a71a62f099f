import { createHash } from "node:crypto";

/** Eight characters that stand for `text` in an object's name (32 bits: collisions are met by an owner check). */
export function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}

/** A node's name as part of another object's name: dots become dashes, cut to `most` characters. Not unique: add a hash. */
export function nodePart(nodeName: string, most: number): string {
  return nodeName.replace(/[^a-z0-9-]/g, "-").slice(0, most);
}
