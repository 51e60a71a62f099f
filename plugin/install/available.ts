import { controllerName, systemNamespace } from "../../crds/names.ts";
import { isTrue } from "../../kube/conditions.ts";
import type { Deployment, Pod } from "../../kube/objects.ts";
import { deployments, pods } from "../../kube/resources.ts";
import { CliError } from "../errors.ts";
import type { Io } from "../io.ts";
import { someOf } from "../output.ts";
import type { Session } from "../session.ts";
import { waitForObject } from "../wait.ts";

/** Whether the controller serves with its present template: at least one replica of it is available. */
export function isAvailable(deployment: Deployment | undefined): boolean {
  const { metadata, status } = deployment ?? {};
  return (
    (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 1) &&
    (status?.updatedReplicas ?? 0) > 0 &&
    isTrue(status?.conditions, "Available")
  );
}

/** Waits for it. A timeout says what keeps the pods. */
export async function waitUntilAvailable(session: Session, io: Io, timeoutSeconds: number): Promise<void> {
  const key = { name: controllerName, namespace: systemNamespace };
  const what = `deployment ${systemNamespace}/${controllerName} to be available`;
  try {
    await waitForObject(session, deployments, key, (object) => isAvailable(object), { io, timeoutSeconds, what });
  } catch (error) {
    if (!(error instanceof CliError) || error.kind !== "timeout") throw error;
    const why = await whyNot(session);
    throw new CliError("timeout", `${error.message}${why === "" ? "" : `: ${why}`}`, error);
  }
}

/** What keeps the controller's pods from being ready, in words; "" when nothing is known. */
export async function whyNot(session: Session): Promise<string> {
  const options = { namespace: systemNamespace, labelSelector: `app.kubernetes.io/name=${controllerName}` };
  const { items } = await session.client.list(pods, options);
  if (items.length === 0) return "it has no pods";
  return someOf(items.flatMap((pod) => trouble(pod) ?? []).sort(), 2);
}

function trouble(pod: Pod): string | undefined {
  const scheduled = pod.status?.conditions?.find((c) => c.type === "PodScheduled");
  if (scheduled?.status === "False")
    return `pod ${pod.metadata.name} finds no node: ${scheduled.message ?? scheduled.reason}`;
  const waiting = pod.status?.containerStatuses?.find((c) => !c.ready);
  const state = waiting?.state?.waiting ?? waiting?.lastState?.terminated;
  const reason = [state?.reason, state?.message].filter((word) => word !== undefined && word !== "").join(": ");
  return reason === "" ? undefined : `pod ${pod.metadata.name}: ${reason}`;
}
