import { createLogger } from "../../controller/log.ts";
import { runManager } from "../../controller/manager.ts";
import { clientsOf } from "../../controller/run.ts";
import { systemClock } from "../../kube/clock.ts";
import { loadConnection } from "../../kube/config.ts";

let started = 0;

/** The whole controller in this process, as its image runs it, under the rights of its own ServiceAccount. */
export class ControllerProcess {
  /** Every write that was sent, "POST /api/v1/namespaces/shop/pods/web-1/eviction"; the Lease's are not among them. */
  readonly writes: string[] = [];
  /** Resolves with why it ended: "" when it was told to. */
  readonly ended: Promise<string>;
  readonly #stop = new AbortController();

  private constructor(run: (process: ControllerProcess) => Promise<void>) {
    this.ended = run(this).then(
      () => "",
      (error: unknown) => String(error instanceof Error ? error.message : error),
    );
  }

  /** `crashAfter`: it is cut off in the moment in which it sends so many writes. */
  static async start(kubeconfig: string, crashAfter = Number.POSITIVE_INFINITY): Promise<ControllerProcess> {
    const connection = await loadConnection({ kubeconfig }, { env: {}, interactive: false, clock: systemClock });
    const identity = `candidate-${++started}`;
    return new ControllerProcess((process) => {
      const clients = clientsOf(connection, ({ method, path }) => {
        process.writes.push(`${method} ${path.replace(/\?.*/, "")}`);
        if (process.writes.length >= crashAfter) process.#stop.abort(new Error("cut off"));
      });
      const log = createLogger(globalThis.process.env.LOG_LEVEL ?? "silent");
      const health = { host: "127.0.0.1", port: 0 };
      return runManager({ ...clients, log, image: "none", identity, health }, process.#stop.signal);
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error("told to"));
    await this.ended;
  }
}
