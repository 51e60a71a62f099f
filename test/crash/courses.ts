import type { CniMigration } from "../../crds/index.ts";
import { type Course, carryTo } from "./run.ts";
import type { Bench } from "./runner.ts";

/** Steps of the second node in which the migration is turned round, with the first one done. */
const turns = ["Drain", "LeaveSource", "JoinTarget", "RecyclePods", "CleanUp"] as const;

function succeeded(reason: string): Course["reached"] {
  return ({ metadata, status }: CniMigration) =>
    status?.observedGeneration === metadata.generation &&
    (status?.conditions ?? []).some((c) => c.type === "Succeeded" && c.status === "True" && c.reason === reason);
}

/** The ways there are, by name. Each is made when it is its turn: the way to its beginning takes a run of its own. */
export function coursesOf(controller: string): Record<string, (bench: Bench) => Promise<Course>> {
  const forward = async (bench: Bench): Promise<Course> => {
    bench.begun ??= await bench.cluster.save();
    return { name: "forward", baseline: bench.begun, reached: succeeded("Succeeded") };
  };
  const turned = async (bench: Bench, name: string): Promise<Course> => {
    await bench.cluster.cluster.setSpec({ direction: "Revert" });
    return { name, baseline: await bench.cluster.save(), reached: succeeded("Reverted") };
  };
  return {
    forward,
    revert: async (bench) => {
      await bench.run(await forward(bench), controller);
      return turned(bench, "revert");
    },
    ...Object.fromEntries(
      turns.map((step) => [
        `revert-in-${step}`,
        async (bench: Bench) => {
          const cut = {
            point: new RegExp(`^patch nodemigrations/status n3 .*step=${step}\\b`),
            when: "after" as const,
          };
          await carryTo(bench, await forward(bench), { bundle: controller, folder: bench.folder, cuts: [cut] });
          // The way back of a node that is done is the course "revert"; the node that turns is this one's own.
          // How many pods are moved before it turns round is a matter of who is quicker, and the last spread tells the pods
          // it has moved by their creation, which is known to the second: nodes as quick as these are within one.
          return { ...(await turned(bench, `revert-in-${step}`)), own: /@n3 /, loose: /\bweb-\*/ };
        },
      ]),
    ),
  };
}
