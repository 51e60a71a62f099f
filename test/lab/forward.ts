import { spawn } from "node:child_process";
import { closeSync, openSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LabError } from "./errors.ts";
import { apiServerPort } from "./kubeadm.ts";
import { isAlive } from "./processes.ts";
import { poll } from "./run.ts";
import { forwarderProcess, type LabState, labFolder } from "./state.ts";
import { hubNetns } from "./topology.ts";

/**
 * Makes the lab's API server reachable at 127.0.0.1 of the host and gives the port. The process outlives this one. A
 * port that was given out before is asked for again, so that a kubeconfig stays good.
 */
export async function startForwarder(state: LabState): Promise<number> {
  const server = await listen(state.port);
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const pidFile = join(labFolder(state.name), "forwarder.pid");
  rmSync(pidFile, { force: true });
  const log = openSync(join(labFolder(state.name), "forwarder.log"), "a");
  const script = fileURLToPath(new URL("forwarder.mjs", import.meta.url));
  const target = [state.nodes[0]?.address ?? "", String(apiServerPort)];
  // nsenter becomes node, and keeps the channel through which the listening socket is handed over.
  const argv = [`--net=/run/netns/${hubNetns(state.name)}`, process.execPath, script, ...target, pidFile];
  const child = spawn("nsenter", argv, { detached: true, stdio: ["ignore", log, log, "ipc"], cwd: "/" });
  closeSync(log);
  child.on("error", () => {});
  child.send("serve", server);
  const started = await poll(() => forwarderIsAlive(state.name), { timeoutMs: 10_000, intervalMs: 20 });
  server.close();
  child.disconnect();
  child.unref();
  if (!started)
    throw new LabError(`the forwarder to the lab's API server does not start: see forwarder.log`, { exitCode: 1 });
  return port;
}

export function forwarderIsAlive(lab: string): boolean {
  const record = forwarderProcess(lab);
  return record !== undefined && isAlive(record);
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((early) => early.destroy());
    server.once("error", (error) =>
      reject(new LabError(`cannot listen on 127.0.0.1:${port}: ${error.message}`, { exitCode: 1 })),
    );
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}
