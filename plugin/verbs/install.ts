import { defaultHealthPort } from "../../crds/names.ts";
import { defaultImage } from "../client-version.ts";
import { blockedError, exitCodes } from "../errors.ts";
import { durationSeconds, integer, oneOf, text, textOr, toggle } from "../flags.ts";
import { serialize } from "../output.ts";
import type { Call } from "../verb.ts";
import { defineVerb, programName } from "../verb.ts";

const flags = {
  image: textOr(defaultImage, {
    value: "REF",
    help: "image of the controller, its host tasks and its probes",
    parse: imageReference,
  }),
  healthPort: textOr(defaultHealthPort, {
    value: "PORT",
    help: "TCP port of the controller's health and metrics, on the loopback of its nodes",
    parse: integer(1024, 65_535),
  }),
  wait: toggle({ default: true, help: "wait until the controller is available" }),
  timeout: textOr(300, {
    shownDefault: "5m",
    value: "SPAN",
    help: "how long to wait, such as 90s or 5m",
    parse: durationSeconds,
  }),
  dryRun: textOr("none", {
    value: "MODE",
    help: "client: only show the objects, without a cluster; server: let the API server try them",
    parse: oneOf("none", "client", "server"),
  }),
  output: text({ short: "o", value: "FORMAT", help: "print the objects: json or yaml", parse: oneOf("json", "yaml") }),
};

type Given = Call<typeof flags>;

export default defineVerb({
  name: "install",
  summary: "install the controller, or bring it to this version",
  description: `Installs the custom resources, the namespace cni-migrate and the controller that carries migrations out.
Nothing in the cluster's network changes. Run it again to upgrade; it takes back what was changed by hand.
The controller's ClusterRole reads nodes, pods and workloads, patches nodes and evicts pods; it cannot read Secrets,
run commands in pods or change roles.`,
  examples: [
    { comment: "Install, and wait until the controller is available", command: "install" },
    { comment: "Use an image of your own registry", command: "install --image registry.example.com/cni-migrate:0.1.0" },
    { comment: "Look at the objects, or hand them to another tool", command: "install --dry-run=client -o yaml" },
  ],
  flags,
  run,
});

async function run({ flags, io, connect }: Given): Promise<number> {
  const { installObjects } = await import("../install/objects.ts");
  const { networks } = await import("../../networks/index.ts");
  const objects = installObjects({ image: flags.image, healthPort: flags.healthPort }, networks);
  if (flags.dryRun === "client" && flags.output !== undefined) {
    io.stdout.write(serialize(flags.output, objects));
    return exitCodes.done;
  }
  const { applyAll, displayName } = await import("../apply.ts");
  if (flags.dryRun === "client") {
    for (const object of objects) io.stdout.write(`${displayName(object)} created (dry run)\n`);
    return exitCodes.done;
  }
  const session = await connect();
  await refuseDowngrade(session);
  const dryRun = flags.dryRun === "server";
  const applied: unknown[] = [];
  const progress = dryRun && flags.output === undefined ? io.stdout : io.stderr;
  await applyAll(objects, {
    session,
    io,
    dryRun,
    report({ name, outcome, object }) {
      applied.push(object);
      progress.write(`${name} ${outcome}${dryRun ? " (server dry run)" : ""}\n`);
    },
  });
  if (flags.wait && !dryRun) {
    const { waitUntilAvailable } = await import("../install/available.ts");
    io.stderr.write("waiting for the controller\n");
    await waitUntilAvailable(session, io, flags.timeout);
    io.stderr.write(`the controller is available; go on with: ${programName} plan --target NETWORK -f FILE\n`);
  }
  if (flags.output !== undefined) io.stdout.write(serialize(flags.output, applied));
  return exitCodes.done;
}

/** An older plugin would take fields away from objects that are in use. */
async function refuseDowngrade(session: Awaited<ReturnType<Call["connect"]>>): Promise<void> {
  const { installedSchemaVersion, schemaSkew, clientSchemaVersion } = await import("../version-info.ts");
  const installed = await installedSchemaVersion(session);
  if (schemaSkew(installed) !== "newer") return;
  throw blockedError(
    `the cluster has version ${installed} of the custom resources, this plugin brings ${clientSchemaVersion}: upgrade the plugin (kubectl krew upgrade cni-migrate)`,
  );
}

/** A reference with a tag or a digest: without one the nodes would run whatever "latest" is to each of them. */
function imageReference(value: string): string {
  const named =
    /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?(:[0-9]{1,5})?(\/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*(?<tag>:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?<digest>@sha256:[a-f0-9]{64})?$/.exec(
      value,
    );
  if (named === null || value.length > 512)
    throw new Error("must be an image reference such as registry.example.com/cni-migrate:0.1.0");
  const last = value.split("/").at(-1) ?? "";
  if (!last.includes(":") && !last.includes("@"))
    throw new Error("must carry a tag or a digest, such as registry.example.com/cni-migrate:0.1.0");
  return value;
}
