import { isApiError, isConflict } from "../../kube/errors.ts";
import { exactly, keyOf } from "../../kube/identity.ts";
import type { RequestOptions } from "../../kube/types.ts";
import { displayName } from "../apply.ts";
import type { Io } from "../io.ts";
import type { Session } from "../session.ts";
import { waitForObject } from "../wait.ts";
import { contentResource, type Doomed, isWorkload } from "./doomed.ts";

/** How one part of the work is done. */
export type Step = RequestOptions & { io: Io; timeoutSeconds: number };

/** Kinds whose going is waited for: something else may go only after them, or they take time by nature. */
export const awaited: readonly string[] = [
  "DaemonSet",
  "Deployment",
  "StatefulSet",
  "CustomResourceDefinition",
  "Namespace",
];

/** In their order: those that work with the others first, and gone before these go. */
export async function remove(session: Session, doomed: readonly Doomed[], step: Step): Promise<void> {
  for (const tier of tiersOf(doomed)) {
    for (const each of tier) {
      const { resource, key, object } = each;
      await releaseContents(session, each, step);
      const gone = await session.client
        .delete(resource, key, {
          signal: step.io.interrupt,
          ...exactly(object),
          propagationPolicy: isWorkload(each) ? "Foreground" : "Background",
        })
        .catch((error: unknown) => {
          // Another object by the same name: made since, and not ours to take.
          if (isConflict(error)) return undefined;
          throw error;
        });
      const outcome = gone === undefined ? "is another one now: left alone" : gone ? "deleted" : "is gone already";
      step.io.stderr.write(`${displayName(object)} ${outcome}\n`);
    }
    for (const { resource, key, object } of tier) {
      if (!awaited.includes(resource.kind)) continue;
      const { uid } = object.metadata;
      await waitForObject(session, resource, key, (left) => left?.metadata.uid !== uid, {
        ...step,
        what: `${displayName(object)} to go; a finalizer may hold it: kubectl get ${resource.plural} ${key.name} -o yaml shows it, then run the command again`,
      });
    }
  }
}

/** Workloads together, then kind by kind, in the order given. */
function tiersOf(doomed: readonly Doomed[]): Doomed[][] {
  const rank = (each: Doomed) => (isWorkload(each) ? "workload" : each.resource.kind);
  const tiers = new Map<string, Doomed[]>();
  for (const each of doomed) tiers.set(rank(each), [...(tiers.get(rank(each)) ?? []), each]);
  return [...tiers.values()];
}

/** Custom resources whose controllers are gone by now would hold their definition for ever. */
async function releaseContents(session: Session, { object, contents }: Doomed, step: Step): Promise<void> {
  const resource = contentResource(object);
  if (resource === undefined) return;
  for (const content of contents) {
    if ((content.metadata.finalizers ?? []).length === 0) continue;
    const patch = { metadata: { uid: content.metadata.uid, finalizers: null } };
    await session.client
      .patch(resource, keyOf(content), patch, { signal: step.io.interrupt })
      .catch((error: unknown) => {
        // Gone meanwhile, or another one.
        if (!isApiError(error, 404) && !isConflict(error)) throw error;
      });
  }
}
