import { exitCodes } from "../errors.ts";
import { oneOf, text } from "../flags.ts";
import { useColour } from "../io.ts";
import { painter, serialize } from "../output.ts";
import { requestFlags } from "../request/flags.ts";
import type { Call } from "../verb.ts";
import { defineVerb } from "../verb.ts";

const flags = {
  ...requestFlags,
  output: text({ short: "o", value: "FORMAT", help: "json or yaml", parse: oneOf("json", "yaml") }),
};
type Given = Call<typeof flags>;

export default defineVerb({
  name: "plan",
  summary: "look at the cluster and say what a migration would do",
  description: `Looks at the cluster and shows what was found and where, in which order nodes would be moved, what happens to their
pods, and everything that stands in the way. Changes nothing and needs nothing installed.
Exits with 3 when something stands in the way.`,
  examples: [
    { comment: "What stands in the way of Calico?", command: "plan --target calico" },
    { comment: "Check Calico's manifests as well", command: "plan --target calico -f calico-vxlan.yaml" },
    { comment: "The blockers, for a script", command: "plan --target calico -o json | jq '.blockers'" },
  ],
  flags,
  run,
});

async function run({ flags, io, connect }: Given): Promise<number> {
  const { checkManifests, checkNetworks, readRequest } = await import("../request/request.ts");
  const { loadManifests } = await import("../manifests/load.ts");
  checkNetworks(flags);
  const request = readRequest(undefined, flags, await loadManifests(flags.filename, io));
  if (request.manifests.length > 0) checkManifests(request);
  const session = await connect();
  const { gatherFacts } = await import("../plan/gather.ts");
  const { planView } = await import("../plan/view.ts");
  const { renderPlan } = await import("../plan/render.ts");
  const view = planView(request, await gatherFacts(session, io, request));
  if (flags.output !== undefined) io.stdout.write(serialize(flags.output, [view]));
  else io.stdout.write(renderPlan(view, painter(useColour(io.stdout, io.env))));
  return view.ready ? exitCodes.done : exitCodes.blocked;
}
