import { Document, parseDocument } from "yaml";
import { ScriptError, version } from "../project.ts";
import { type Archive, program } from "./archives.ts";

/** The krew manifest `text` with this release's version and platforms. Everything else, comments too, stays as it is. */
export function fillManifest(text: string, archives: readonly Archive[]): string {
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) throw new ScriptError(`krew-manifest.yaml cannot be read: ${problem.message}`);
  const homepage = document.getIn(["spec", "homepage"]);
  document.setIn(["spec", "version"], `v${version}`);
  document.setIn(
    ["spec", "platforms"],
    new Document(archives.map((archive) => entry(archive, `${homepage}`))).contents,
  );
  return document.toString({ lineWidth: 0 });
}

function entry({ platform, fileName, sha256 }: Archive, homepage: string) {
  return {
    selector: { matchLabels: { os: platform.os, arch: platform.arch } },
    uri: `${homepage}/releases/download/v${version}/${fileName}`,
    sha256,
    bin: program,
    files: [{ from: "*", to: "." }],
  };
}
