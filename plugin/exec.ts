import { PassThrough } from "node:stream";
import type { KubeConfig, V1Status } from "@kubernetes/client-node";
import type { Connection } from "../kube/connection.ts";

const timeoutMs = 10_000;
const limitBytes = 64 * 1024;

/** Runs a command in a container and returns what it wrote to standard output. Throws Error: refused, failed, too late. */
export async function execInPod(
  connection: Connection,
  pod: { namespace: string; name: string; container: string },
  command: readonly string[],
): Promise<string> {
  const { Exec } = await import("@kubernetes/client-node/dist/exec.js");
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  let text = "";
  stdout.setEncoding("utf8").on("data", (chunk: string) => {
    if (text.length < limitBytes) text += chunk;
  });
  stderr.resume();
  let finish: (status: V1Status) => void = () => {};
  let giveUp: (error: Error) => void = () => {};
  const ended = new Promise<V1Status>((resolve, reject) => {
    finish = resolve;
    giveUp = reject;
  });
  const timer = setTimeout(() => giveUp(new Error(`no answer within ${timeoutMs / 1000}s`)), timeoutMs);
  const exec = new Exec(asKubeConfig(connection));
  const opening = exec.exec(pod.namespace, pod.name, pod.container, [...command], stdout, stderr, null, false, finish);
  opening.then(
    (socket) =>
      ended.then(
        () => socket.close(),
        () => socket.close(),
      ),
    (failure: unknown) => giveUp(asError(failure)),
  );
  try {
    const status = await ended;
    if (status.status !== "Success") throw new Error(status.message ?? "the command failed");
    return text;
  } finally {
    clearTimeout(timer);
  }
}

/** The two members of a KubeConfig that exec uses, made of our own connection. */
function asKubeConfig(connection: Connection): KubeConfig {
  const config = {
    getCurrentCluster: () => ({ server: connection.servers[0] ?? "" }),
    async applyToHTTPSOptions(options: Record<string, unknown>) {
      const { headers, cert, key } = await connection.credentials(false);
      const { ca, servername, insecure } = connection.tls;
      Object.assign(options, { headers, cert, key, ca, servername, rejectUnauthorized: insecure !== true });
    },
  };
  return config as unknown as KubeConfig;
}

/** A failed WebSocket is told as an event whose message says why. */
function asError(failure: unknown): Error {
  if (failure instanceof Error) return failure;
  const { message } = failure as { message?: unknown };
  return new Error(typeof message === "string" ? message : "the connection failed");
}
