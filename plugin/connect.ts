import { pluginFieldManager } from "../crds/names.ts";
import { createClient } from "../kube/client.ts";
import { loadConnection } from "../kube/config.ts";
import { ConfigError, type Connection } from "../kube/connection.ts";
import { readKubeconfig } from "../kube/kubeconfig.ts";
import { clientVersion } from "./client-version.ts";
import { CliError, usageError } from "./errors.ts";
import type { GlobalFlags } from "./global-flags.ts";
import type { Io } from "./io.ts";
import { patientClient } from "./patient-client.ts";
import type { Session } from "./session.ts";

/**
 * Opens the way to the cluster; nothing is sent yet. A configuration that is wrong is bad input (exit 2); none at all means
 * that there is no cluster to talk to (exit 1, as kubectl has it).
 */
export async function connect(global: GlobalFlags, io: Io): Promise<Session> {
  const connection = await load(global, io);
  const client = createClient(connection, {
    userAgent: `kubectl-cni_migrate/${clientVersion}`,
    fieldManager: pluginFieldManager,
    clock: io.clock,
  });
  return {
    client: patientClient(client, io.clock, io.interrupt),
    namespace: connection.namespace,
    async exec(pod, command) {
      const { execInPod } = await import("./exec.ts");
      return execInPod(connection, pod, command);
    },
  };
}

async function load(global: GlobalFlags, io: Io): Promise<Connection> {
  // What is not given must not hide what the kubeconfig says: neither an absent text nor a switch that is off.
  const flags = Object.fromEntries(
    Object.entries(global).filter(([, value]) => value !== undefined && value !== false),
  );
  try {
    return await loadConnection(flags, { env: io.env, interactive: io.stdin.isTTY, clock: io.clock });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (await namesNoCluster(global, io)) throw new CliError("failed", error.message, error);
    throw usageError(error.message);
  }
}

async function namesNoCluster(global: GlobalFlags, io: Io): Promise<boolean> {
  try {
    const data = await readKubeconfig(global.kubeconfig, io.env);
    return data === undefined || (data.clusters.size === 0 && data.contexts.size === 0);
  } catch {
    return false;
  }
}
