import { createServer, type Server } from "node:http";
import { Counter, Gauge, Registry } from "prom-client";

/** Metrics of the controller; every label value is set up front so that a rate is never born of a missing series. */
export class Metrics {
  readonly registry = new Registry();
  readonly reconciles = new Counter({
    name: "cni_migrate_reconciles_total",
    help: "Reconciles by kind and outcome",
    labelNames: ["kind", "outcome"],
    registers: [this.registry],
  });
  readonly leader = new Gauge({
    name: "cni_migrate_leader",
    help: "1 while this process holds the Lease",
    registers: [this.registry],
  });
  readonly #nodes = new Gauge({
    name: "cni_migrate_nodes",
    help: "Nodes of the active migration by step",
    labelNames: ["step"],
    registers: [this.registry],
  });
  readonly requests: Gauge;

  constructor(requestCount: () => number) {
    this.requests = new Gauge({
      name: "cni_migrate_api_requests",
      help: "Requests sent to the API server since start",
      registers: [this.registry],
      collect() {
        this.set(requestCount());
      },
    });
    new Gauge({
      name: "process_resident_memory_bytes",
      help: "Resident memory",
      registers: [this.registry],
      collect() {
        this.set(process.memoryUsage.rss());
      },
    });
    for (const kind of ["migration", "node"])
      for (const outcome of ["done", "wait", "error"]) this.reconciles.inc({ kind, outcome }, 0);
    this.leader.set(0);
  }

  /** How many nodes are in each step. */
  showSteps(steps: readonly string[]): void {
    this.#nodes.reset();
    for (const step of steps) this.#nodes.inc({ step });
  }
}

/**
 * /healthz: the process runs its event loop. /readyz: its caches are synced, so that it could lead. /metrics: Prometheus text.
 * The controller is on the host network: bind to loopback unless told otherwise.
 */
export function serveHealth(
  options: { host: string; port: number },
  probes: { ready(): boolean; metrics: Metrics },
): Promise<Server> {
  const server = createServer(async (request, response) => {
    const answer = (status: number, body: string, type = "text/plain; charset=utf-8") => {
      response.writeHead(status, { "content-type": type });
      response.end(body);
    };
    if (request.method !== "GET") return answer(405, "only GET\n");
    switch (request.url) {
      case "/healthz":
        return answer(200, "ok\n");
      case "/readyz":
        return probes.ready() ? answer(200, "ok\n") : answer(503, "caches are not synced yet\n");
      case "/metrics":
        return answer(200, await probes.metrics.registry.metrics(), probes.metrics.registry.contentType);
      default:
        return answer(404, "not found\n");
    }
  });
  server.requestTimeout = 5_000;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.off("error", reject);
      resolve(server);
    });
  });
}
