import { randomUUID } from "node:crypto";
import { controllerEnv, controllerFieldManager, defaultHealthPort, imageRepository } from "../crds/names.ts";
import { createClient } from "../kube/client.ts";
import { systemClock } from "../kube/clock.ts";
import { loadConnection } from "../kube/config.ts";
import type { Connection } from "../kube/connection.ts";
import { directServers, inClusterConnection, isInCluster } from "../kube/in-cluster.ts";
import packageJson from "../package.json" with { type: "json" };
import { createLogger } from "./log.ts";
import { type ManagerOptions, runManager } from "./manager.ts";

const { version } = packageJson;

/** Runs the controller until it is told to end. Gives the exit code: 1 when it lost its leadership or could not begin. */
export async function runController(): Promise<number> {
  const log = createLogger(process.env.LOG_LEVEL ?? "info");
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort(new Error(signal)));
  const connection = await connect(log.warn.bind(log));
  const environment = process.env;
  const podName = environment[controllerEnv.podName];
  try {
    await runManager(
      {
        ...clientsOf(connection),
        log,
        image: environment[controllerEnv.image] ?? `${imageRepository}:${version}`,
        identity: `${podName ?? "local"}_${randomUUID().slice(0, 8)}`,
        // A pod's container runs once at a time.
        ...(podName === undefined ? {} : { predecessors: `${podName}_` }),
        health: { host: "127.0.0.1", port: Number(environment[controllerEnv.healthPort] ?? defaultHealthPort) },
      },
      stop.signal,
    );
    return 0;
  } catch (error) {
    log.error({ error }, "controller ends");
    return 1;
  }
}

/**
 * The two clients of a controller. `client` sends a write only while this process leads: one that leads no more must not act
 * on what it knew. `onWrite` is told of each write that is sent.
 */
export function clientsOf(
  connection: Connection,
  onWrite: (request: { method: string; path: string }) => void = () => {},
): Pick<ManagerOptions, "client" | "electionClient" | "writeGuard"> {
  const writeGuard = { mayWrite: () => false };
  const common = { userAgent: `cni-migrate-controller/${version}`, fieldManager: controllerFieldManager };
  const client = createClient(connection, {
    ...common,
    onRequest: ({ method, path }) => {
      if (method === "GET") return;
      if (!writeGuard.mayWrite()) throw new Error(`not the leader any more: ${method} ${path} was not sent`);
      onWrite({ method, path });
    },
  });
  return { client, electionClient: createClient(connection, common), writeGuard };
}

/**
 * In a cluster: the API servers' own addresses, because the Service network is what changes under our feet. The Service's
 * address is used once, to ask for them, and kept as the last resort. Outside: the kubeconfig, for development.
 */
async function connect(warn: (facts: object, message: string) => void): Promise<Connection> {
  if (!isInCluster(process.env)) return loadConnection({});
  const byService = await inClusterConnection({ env: process.env });
  const client = createClient(byService);
  for (let asked = 1; ; asked++) {
    try {
      const direct = await directServers(client, { timeoutSeconds: askSeconds });
      if (direct.length === 0) return byService;
      return inClusterConnection({ env: process.env, servers: [...direct, ...byService.servers] });
    } catch (error) {
      if (asked === asks) {
        warn({ error }, "the API servers' own addresses are not known; going through the Service");
        return byService;
      }
    }
    await systemClock.sleep(1);
  }
}

/** On a node that has just booted the Service answers when kube-proxy is up: what is asked before is lost, not slow. */
const askSeconds = 3;
const asks = 15;
