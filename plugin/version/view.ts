import { clientVersion } from "../client-version.ts";
import type { Session } from "../session.ts";
import { programName } from "../verb.ts";
import {
  clientSchemaVersion,
  imageOf,
  installedController,
  installedSchemaVersion,
  schemaSkew,
  tagOf,
} from "../version-info.ts";

/** What each part said, or the error it gave: one that fails does not hide the others. */
export interface Versions {
  image: string | undefined | Error;
  schema: number | undefined | Error;
}

export interface VersionView {
  clientVersion: string;
  clientSchemaVersion: number;
  controllerImage?: string;
  controllerVersion?: string;
  schemaVersion?: number;
  ok: boolean;
  verdict: string;
  /** What could not be asked; for people. */
  errors: Error[];
}

export async function gatherVersions(connect: () => Promise<Session>): Promise<Versions> {
  const ask = async <T>(question: (session: Session) => Promise<T>): Promise<T | Error> => {
    try {
      return await question(await connect());
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  };
  const [image, schema] = await Promise.all([
    ask(async (session) => imageOf(await installedController(session))),
    ask((session) => installedSchemaVersion(session)),
  ]);
  return { image, schema };
}

/** Pure: what was read into what is shown. */
export function versionView({ image, schema }: Versions): VersionView {
  const errors = [image, schema].filter((part) => part instanceof Error);
  const distinct = errors.filter((error, i) => errors.findIndex((other) => other.message === error.message) === i);
  const controllerImage = image instanceof Error ? undefined : image;
  const schemaVersion = schema instanceof Error ? undefined : schema;
  const controllerVersion = tagOf(controllerImage);
  const verdict =
    errors.length > 0
      ? "unknown: the cluster could not be asked"
      : verdictOf(controllerImage, controllerVersion, schemaVersion);
  return {
    clientVersion,
    clientSchemaVersion,
    ...(controllerImage === undefined ? {} : { controllerImage }),
    ...(controllerVersion === undefined ? {} : { controllerVersion }),
    ...(schemaVersion === undefined ? {} : { schemaVersion }),
    ok: verdict.startsWith(fine),
    verdict,
    errors: distinct,
  };
}

const fine = "in step";

function verdictOf(image: string | undefined, tag: string | undefined, schema: number | undefined): string {
  switch (schemaSkew(schema)) {
    case "not installed":
      return image === undefined
        ? `nothing is installed in this cluster: ${programName} install`
        : `the custom resources are missing: ${programName} install`;
    case "older":
      return `the custom resources are older than the plugin (${schema} < ${clientSchemaVersion}): ${programName} install`;
    case "newer":
      return `the custom resources are newer than the plugin (${schema} > ${clientSchemaVersion}): upgrade the plugin`;
    case "none":
  }
  if (image === undefined) return `the controller is missing: ${programName} install`;
  if (tag?.replace(/^v/, "") === clientVersion) return fine;
  return isVersion(tag)
    ? `plugin ${clientVersion} and controller ${tag} differ: ${programName} install brings the controller to ${clientVersion}`
    : `${fine} as far as can be told: the controller's image carries no version (${image})`;
}

function isVersion(tag: string | undefined): boolean {
  return tag !== undefined && /^v?\d+\.\d+\.\d+/.test(tag);
}
