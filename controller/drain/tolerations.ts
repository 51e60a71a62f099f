import type { Pod, Taint, Toleration } from "../../kube/objects.ts";

/** Whether the pod may be put on a node in spite of the taint (the scheduler's rule). */
export function tolerates(pod: Pod, taint: Taint): boolean {
  return (pod.spec.tolerations ?? []).some((toleration) => covers(toleration, taint));
}

/** An empty key with Exists covers every taint, an empty effect every effect; the operator is Equal when missing. */
function covers({ key = "", operator = "Equal", value = "", effect = "" }: Toleration, taint: Taint): boolean {
  if (effect !== "" && effect !== taint.effect) return false;
  if (key === "") return operator === "Exists";
  return key === taint.key && (operator === "Exists" || value === (taint.value ?? ""));
}
