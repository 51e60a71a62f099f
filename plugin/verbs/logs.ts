import { controllerName, managedBy, managedByLabel, roleLabel, systemNamespace } from "../../crds/names.ts";
import type { Pod } from "../../kube/objects.ts";
import { CliError, exitCodes } from "../errors.ts";
import { integer, textOr } from "../flags.ts";
import { escapeText } from "../output.ts";
import type { Call } from "../verb.ts";
import { defineVerb, programName } from "../verb.ts";

const flags = {
  tail: textOr(100, { value: "N", help: "lines of each pod to show", parse: integer(1, 100_000) }),
};
type Given = Call<typeof flags>;

export default defineVerb({
  name: "logs",
  argument: { name: "NODE", help: "show the host tasks on this node instead of the controller" },
  summary: "show the logs of the controller, or of the host tasks on a node",
  description: `Shows the last lines of the controller's pods; with the name of a node those of the host tasks that are still there.
Each line begins with the name of its pod.`,
  examples: [
    { comment: "What does the controller do?", command: "logs" },
    { comment: "Why did the host task on node n2 fail?", command: "logs n2" },
  ],
  flags,
  run,
});

async function run({ argument, flags, io, connect }: Given): Promise<number> {
  const { pods } = await import("../../kube/resources.ts");
  const session = await connect();
  const selection =
    argument === undefined
      ? { labelSelector: `app.kubernetes.io/name=${controllerName}` }
      : {
          labelSelector: `${managedByLabel}=${managedBy},${roleLabel}=host-task`,
          fieldSelector: `spec.nodeName=${argument}`,
        };
  const options = { namespace: systemNamespace, signal: io.interrupt };
  const { items } = await session.client.list(pods, { ...options, ...selection });
  if (items.length === 0)
    throw new CliError(
      "failed",
      argument === undefined
        ? `there is no pod of the controller in namespace ${systemNamespace}: ${programName} install`
        : `there is no host task on node ${argument}; they are removed when a node is done`,
    );
  const sorted = [...items].sort((a, b) => (stamp(a) < stamp(b) ? -1 : 1));
  const failures: unknown[] = [];
  for (const { metadata } of sorted) {
    try {
      const pod = { name: metadata.name, namespace: systemNamespace };
      const log = await session.client.logs(pod, { tailLines: flags.tail, signal: io.interrupt });
      for (const line of log.split("\n").filter((l) => l !== ""))
        io.stdout.write(`${metadata.name} ${escapeText(line)}\n`);
    } catch (error) {
      failures.push(error);
    }
  }
  // One pod that has not started yet does not hide the others; that none could be read is a failure.
  if (failures.length > 0) throw failures[0];
  return exitCodes.done;
}

function stamp({ metadata }: Pod): string {
  return `${metadata.creationTimestamp} ${metadata.name}`;
}
