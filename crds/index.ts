/** The lowest room: what users see. Types and manifests come from the two schemas beside this file. */
export { crdObjects } from "./generated/manifests.ts";
export type * from "./generated/types.ts";
export * from "./vocabulary.ts";
