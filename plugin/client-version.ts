import { imageRepository } from "../crds/names.ts";
import packageJson from "../package.json" with { type: "json" };

/** Of this plugin: "0.1.0". */
export const clientVersion: string = packageJson.version;

/** The controller's image of the same version. */
export const defaultImage = `${imageRepository}:${clientVersion}`;
