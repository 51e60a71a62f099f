import { isDeepStrictEqual } from "node:util";
import type { CniMigration, NodeMigration, StepName } from "../../crds/index.ts";
import { createClient } from "../../kube/client.ts";
import { loadConnection } from "../../kube/config.ts";
import { Reflector } from "../../kube/reflector.ts";
import { cniMigrations, nodeMigrations } from "../../kube/resources.ts";
import type { KubeClient } from "../../kube/types.ts";
import { LabError } from "./errors.ts";
import type { Lab } from "./index.ts";

type Direction = "Forward" | "Revert";

/** A lab's migration and its nodes, as last heard of. */
export interface Seen {
  migration: CniMigration | undefined;
  nodes: readonly NodeMigration[];
}

/** A client of the lab's cluster, as its administrator. */
export async function clientOf(lab: Lab): Promise<KubeClient> {
  return createClient(await loadConnection({ kubeconfig: lab.kubeconfigPath }), { fieldManager: "test" });
}

/** Follows a lab's migration by watches, so that a test acts within milliseconds of what it waits for. */
export class Course {
  readonly #stop = new AbortController();
  readonly #migrations: Reflector<CniMigration>;
  readonly #nodes: Reflector<NodeMigration>;
  readonly #client: KubeClient;

  private constructor(client: KubeClient) {
    const options = { signal: this.#stop.signal, onError: () => undefined };
    this.#client = client;
    this.#migrations = new Reflector(client, cniMigrations, options);
    this.#nodes = new Reflector(client, nodeMigrations, options);
  }

  static async of(lab: Lab): Promise<Course> {
    const course = new Course(await clientOf(lab));
    await Promise.all([course.#migrations.synced(), course.#nodes.synced()]);
    return course;
  }

  get seen(): Seen {
    return { migration: this.#migrations.list()[0], nodes: this.#nodes.list() };
  }

  /** Resolves at the first change after which it holds. Rejects, with what is to be seen instead, when the time is over. */
  until(what: string, holds: (seen: Seen) => boolean, timeoutSeconds: number): Promise<Seen> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!holds(this.seen)) return;
        finish();
        resolve(this.seen);
      };
      const ignore = [this.#migrations.onChange(look), this.#nodes.onChange(look)];
      const timer = setTimeout(() => {
        finish();
        reject(new LabError(`not within ${timeoutSeconds} s: ${what}; ${standing(this.seen)}`));
      }, timeoutSeconds * 1000);
      const finish = () => {
        clearTimeout(timer);
        for (const stop of ignore) stop();
      };
      look();
    });
  }

  /** Until a node is in a step of this way, and not asked to go the other. */
  untilStep(node: string, step: StepName, direction: Direction, timeoutSeconds = 180): Promise<Seen> {
    return this.until(
      `node ${node} ${direction} in ${step}`,
      (seen) => isIn(seen, node, step, direction),
      timeoutSeconds,
    );
  }

  /** Until the controller says that it is over, for the spec as it is now. */
  untilEnd(reason: "Succeeded" | "Reverted", timeoutSeconds: number): Promise<Seen> {
    return this.until(`Succeeded=True, ${reason}`, (seen) => hasEnded(seen, reason), timeoutSeconds);
  }

  /** What the verbs do, without their checks: to turn round faster than a person could. */
  async turn(direction: Direction): Promise<void> {
    const { migration } = this.seen;
    await this.#client.patch(cniMigrations, { name: migration?.metadata.name ?? "" }, { spec: { direction } });
  }

  stop(): void {
    this.#stop.abort();
  }
}

function isIn({ nodes }: Seen, node: string, step: StepName, direction: Direction): boolean {
  const { spec, status } = nodes.find((nm) => nm.spec.nodeName === node) ?? {};
  const walked = status?.direction ?? "Forward";
  return status?.step === step && walked === direction && (spec?.direction ?? "Forward") === direction;
}

function hasEnded({ migration }: Seen, reason: string): boolean {
  const { metadata, status } = migration ?? {};
  const succeeded = status?.conditions?.find(({ type }) => type === "Succeeded");
  return (
    status?.observedGeneration === metadata?.generation && succeeded?.status === "True" && succeeded.reason === reason
  );
}

/** One line of where everything stands. */
export function standing({ migration, nodes }: Seen): string {
  const each = nodes.map(
    ({ spec, status }) =>
      `${spec.nodeName} ${status?.direction ?? ""} ${status?.step ?? "Pending"}: ${status?.message ?? ""}`,
  );
  return [`${migration?.status?.summary}: ${migration?.status?.message}`, ...each.sort()].join(" | ");
}

/** What of two states differs, each thing with both its values. */
export function differences(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names
    .filter((name) => !isDeepStrictEqual(before[name], after[name]))
    .map((name) => `${name}: ${JSON.stringify(before[name])} -> ${JSON.stringify(after[name])}`);
}
