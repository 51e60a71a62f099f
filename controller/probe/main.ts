import { isIPv6 } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { leaveMessage } from "../host/main.ts";
import { checksOf, dismiss, type Self } from "./checks.ts";
import { renderReport } from "./report.ts";
import { runChecks } from "./run.ts";
import { type ProbeServer, startProbeServer } from "./server.ts";
import { type ProbeSpec, readSpec } from "./spec.ts";

/** Environment of the probe pods (pods.ts sets it from the pod's own fields). */
type Env = Record<string, string | undefined>;

const usageCode = 2;

/**
 * `probe-server --port P --token T`: answers probes until it is told to end. Gives 0 after SIGTERM or SIGINT, 2 for bad
 * arguments.
 */
export async function probeServerMain(argv: readonly string[], env: Env = process.env): Promise<number> {
  const settings = readServerArguments(argv);
  if (settings === undefined) {
    process.stderr.write("probe-server: needs --port PORT and --token TEXT, and nothing else\n");
    return usageCode;
  }
  const server = await startProbeServer({ ...settings, ...identity(env) });
  process.stdout.write(`probe server on port ${server.port}\n`);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
  await server.close();
  return 0;
}

/**
 * `probe --spec JSON`: runs all checks at once and leaves a ProbeReport in the termination message and on stdout. Gives 0
 * when all passed, 1 when one failed, 2 for a bad spec.
 */
export async function probeMain(
  argv: readonly string[],
  env: Env = process.env,
  resolvConfPath = "/etc/resolv.conf",
): Promise<number> {
  const read = readArguments(argv);
  if ("problem" in read) {
    leaveMessage(JSON.stringify({ error: read.problem }));
    return usageCode;
  }
  const { spec } = read;
  const own = identity(env);
  const deadlineMs = (spec.deadlineSeconds ?? 10) * 1000;
  let done = () => {};
  const dismissed = new Promise<void>((resolve) => {
    done = resolve;
  });
  const port = spec.network === "node" ? spec.port : 0;
  const listener = await listen({ port, token: spec.token, onDone: done, ...own });
  if (typeof listener === "string") {
    leaveMessage(JSON.stringify({ error: listener }));
    return 1;
  }
  const self = { ...selfFrom(env, spec, listener), pod: own.pod, resolvConfPath };
  const clock = { now: () => performance.now(), sleep: (milliseconds: number) => sleep(milliseconds) };
  const started = clock.now();
  const checks = await runChecks(checksOf(spec, self), deadlineMs / 1000, clock);
  if (spec.network === "pod") await dismiss(spec);
  else if (spec.awaitsPod)
    await Promise.race([
      dismissed,
      sleep(Math.max(0, deadlineMs - (clock.now() - started)), undefined, { ref: false }),
    ]);
  await listener.close();
  leaveMessage(renderReport(checks));
  return checks.every((check) => check.ok) ? 0 : 1;
}

function identity(env: Env): { node: string; pod: string } {
  return { node: env.NODE_NAME ?? "", pod: env.POD_NAME ?? "" };
}

/** The listener, or in one line why there is none. */
async function listen(options: Parameters<typeof startProbeServer>[0]): Promise<ProbeServer | string> {
  try {
    return await startProbeServer(options);
  } catch (error) {
    return `cannot listen on port ${options.port}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function selfFrom(env: Env, spec: ProbeSpec, listener: ProbeServer): Omit<Self, "pod" | "resolvConfPath"> {
  const host = env.KUBERNETES_SERVICE_HOST;
  const own = env.POD_IPS?.split(",").find((address) => isIPv6(address));
  return {
    address: spec.network === "node" ? spec.nodeIP : (env.POD_IP ?? ""),
    address6: spec.network === "node" ? spec.nodeIP6 : own,
    listenerPort: listener.port,
    api: host === undefined ? undefined : { host, port: Number(env.KUBERNETES_SERVICE_PORT ?? 443) },
  };
}

function readServerArguments(argv: readonly string[]): { port: number; token: string } | undefined {
  try {
    const { values } = parseArgs({ args: [...argv], options: { port: { type: "string" }, token: { type: "string" } } });
    const port = Number(values.port);
    const good = Number.isInteger(port) && port >= 0 && port <= 65_535 && values.token !== undefined;
    return good ? { port, token: values.token ?? "" } : undefined;
  } catch {
    return undefined;
  }
}

function readArguments(argv: readonly string[]): ReturnType<typeof readSpec> {
  try {
    const { values } = parseArgs({ args: [...argv], options: { spec: { type: "string" } } });
    return readSpec(JSON.parse(values.spec ?? ""));
  } catch (error) {
    return { problem: `the arguments are not --spec JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}
