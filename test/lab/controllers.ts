import { systemNamespace } from "../../crds/names.ts";
import { leases, pods } from "../../kube/resources.ts";
import type { KubeClient } from "../../kube/types.ts";
import { LabError } from "./errors.ts";
import type { Lab } from "./index.ts";

const controller = "cni-migrate-controller";

/** A replica that holds the Lease. */
interface Leader {
  /** Another one for each start of a process. */
  identity: string;
  pod: string;
  node: string;
}

/** Whoever the Lease names; it may be dead. Undefined: nobody, or its pod is gone. */
export async function leaseHolder(client: KubeClient): Promise<Leader | undefined> {
  const lease = await client.get(leases, { namespace: systemNamespace, name: controller });
  const identity = lease?.spec?.holderIdentity ?? "";
  const pod = identity.split("_")[0] ?? "";
  const found = pod === "" ? undefined : await client.get(pods, { namespace: systemNamespace, name: pod });
  return found?.spec.nodeName === undefined ? undefined : { identity, pod, node: found.spec.nodeName };
}

/** Process numbers, in the node's own namespace, of the controller that runs on a node: one or none. */
async function controllerPids(lab: Lab, node: string): Promise<string[]> {
  const { stdout } = await lab.exec(node, ["pgrep", "-f", "controller\\.cjs controller$"]);
  return stdout.split("\n").filter(Boolean);
}

/** Sends a signal to the controller on a node; false when none runs there. */
export async function signalController(lab: Lab, node: string, signal: "KILL" | "STOP" | "CONT"): Promise<boolean> {
  const pids = await controllerPids(lab, node);
  if (pids.length === 0) return false;
  const { code, stderr } = await lab.exec(node, ["kill", `-${signal}`, ...pids]);
  // It may have ended by itself in between.
  if (code !== 0 && !/No such process/.test(stderr)) throw new LabError(`kill -${signal} on ${node}: ${stderr.trim()}`);
  return code === 0;
}

export interface Kill {
  at: Date;
  node: string;
}

/**
 * Kills the leader every so many seconds until it is told to end. When its turn comes and the Lease names one that is dead
 * already, or was killed just then, nobody leads, and there is nothing to kill.
 */
export class Killer {
  readonly kills: Kill[] = [];
  /** Turns at which nobody led. */
  idle = 0;
  readonly #lab: Lab;
  readonly #client: KubeClient;
  readonly #killed = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  #failure: unknown;
  #last: Promise<void> = Promise.resolve();

  constructor(lab: Lab, client: KubeClient, everySeconds: number) {
    this.#lab = lab;
    this.#client = client;
    this.#timer = setInterval(() => {
      this.#last = this.#kill().catch((error: unknown) => {
        this.#failure = error;
      });
    }, everySeconds * 1000);
  }

  async #kill(): Promise<void> {
    const leader = await leaseHolder(this.#client);
    const alive = leader !== undefined && !this.#killed.has(leader.identity);
    if (!alive || !(await signalController(this.#lab, leader.node, "KILL"))) {
      this.idle++;
      return;
    }
    this.#killed.add(leader.identity);
    this.kills.push({ at: new Date(), node: leader.node });
  }

  /** Throws what kept it from killing. */
  async stop(): Promise<readonly Kill[]> {
    clearInterval(this.#timer);
    await this.#last;
    if (this.#failure !== undefined) throw this.#failure;
    return this.kills;
  }
}

/** Milliseconds after a kill in which requests that were under way may still be taken. No process starts that fast. */
const underWayMs = 1000;

/** For each kill, seconds until the first of `writes` by another process; those after which nothing was left to write are left out. */
export function recoveries(kills: readonly Kill[], writes: readonly Date[]): number[] {
  const times = writes.map((write) => write.getTime()).sort((a, b) => a - b);
  return kills.flatMap(({ at }) => {
    const next = times.find((time) => time > at.getTime() + underWayMs);
    return next === undefined ? [] : [(next - at.getTime()) / 1000];
  });
}
