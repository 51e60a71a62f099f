import { clientVersion } from "../client-version.ts";
import { exitCodes } from "../errors.ts";
import { oneOf, text, toggle } from "../flags.ts";
import { escapeText, fields, painter, serialize } from "../output.ts";
import type { Call } from "../verb.ts";
import { defineVerb } from "../verb.ts";

const flags = {
  client: toggle({ help: "only the plugin's own version; needs no cluster" }),
  output: text({ short: "o", value: "FORMAT", help: "json or yaml", parse: oneOf("json", "yaml") }),
};

type Given = Call<typeof flags>;

export default defineVerb({
  name: "version",
  summary: "show the versions of plugin, controller and custom resources",
  description: `Shows the versions of this plugin, of the controller and of the custom resources in the cluster, and whether they
go together. Exits with 1 when they do not, or when the cluster cannot be asked.`,
  examples: [
    { comment: "All versions and the verdict", command: "version" },
    { comment: "Only the plugin's", command: "version --client" },
  ],
  flags,
  run,
});

async function run({ flags, io, connect }: Given): Promise<number> {
  if (flags.client) {
    const version = { clientVersion };
    io.stdout.write(flags.output === undefined ? `Client:   ${clientVersion}\n` : serialize(flags.output, [version]));
    return exitCodes.done;
  }
  const { gatherVersions, versionView } = await import("../version/view.ts");
  const { describeError } = await import("../errors.ts");
  const { errors, ...view } = versionView(await gatherVersions(connect));
  if (flags.output !== undefined) io.stdout.write(serialize(flags.output, [view]));
  else {
    const rows = [
      ["Client", view.clientVersion],
      ["Controller", view.controllerVersion ?? view.controllerImage],
      ["Custom resources", view.schemaVersion === undefined ? undefined : `schema ${view.schemaVersion}`],
      ["Verdict", view.verdict],
    ] as const;
    io.stdout.write(fields(rows, painter(false)));
  }
  for (const error of errors) io.stderr.write(`error: ${escapeText(describeError(error).line)}\n`);
  return view.ok ? exitCodes.done : exitCodes.failed;
}
