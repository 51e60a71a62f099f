import type { Lab } from "./index.ts";

/** Where the API server of a lab keeps its audit log and policy, on the control plane node. */
const folder = "/etc/kubernetes/audit";
export const auditPolicyPath = `${folder}/policy.yaml`;
const logPath = `${folder}/audit.log`;

/** ServiceAccounts of migration controllers: ours and Calico's own, which the benchmark compares with. */
const ourController = "system:serviceaccount:cni-migrate:cni-migrate-controller";
const calicoController = "system:serviceaccount:kube-system:flannel-migration-controller";

/** One line a request of a migration's parts; nothing of the rest of the cluster, which would slow it down. */
export const auditPolicy = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "Metadata", users: [ourController, calicoController, "kubernetes-admin"] }, { level: "None" }],
};

/** kubeadm's apiServer settings that turn it on. */
export const auditSettings = {
  extraArgs: [
    { name: "audit-policy-file", value: auditPolicyPath },
    { name: "audit-log-path", value: logPath },
  ],
  extraVolumes: [{ name: "audit", hostPath: folder, mountPath: folder, pathType: "DirectoryOrCreate" }],
};

export interface AuditEntry {
  user?: { username?: string; extra?: Record<string, string[]> };
  requestReceivedTimestamp?: string;
  userAgent?: string;
  verb?: string;
  objectRef?: { resource?: string; subresource?: string; apiGroup?: string; namespace?: string; name?: string };
  responseStatus?: { code?: number };
}

/** Requests of the lab's cluster so far that `belongs` takes. */
export async function auditEntries(lab: Lab, belongs: (entry: AuditEntry) => boolean): Promise<AuditEntry[]> {
  const { stdout } = await lab.exec(lab.nodes[0]?.name ?? "n1", ["cat", logPath]);
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line) as AuditEntry)
    .filter(belongs);
}

/** A change our controller asked for, but for its Lease and its Events: progress of a migration. */
export function isProgress(entry: AuditEntry): boolean {
  const { user, verb = "", objectRef: { resource = "" } = {} } = entry;
  if (user?.username !== ourController || ["get", "list", "watch"].includes(verb)) return false;
  return resource !== "leases" && resource !== "events";
}

/** Our controller has its Lease, or keeps it. */
export function isLead({ user, verb, objectRef, responseStatus }: AuditEntry): boolean {
  const done = (responseStatus?.code ?? 0) === 200;
  return user?.username === ourController && objectRef?.resource === "leases" && verb === "update" && done;
}

/** The pod whose token was shown. */
export function podOf({ user }: AuditEntry): string | undefined {
  return user?.extra?.["authentication.kubernetes.io/pod-name"]?.[0];
}

/** When the server took it. */
export function timeOf({ requestReceivedTimestamp = "" }: AuditEntry): Date {
  return new Date(requestReceivedTimestamp);
}

/** Of our controller, or of the plugin with the user's rights. */
export function isOurs(entry: AuditEntry): boolean {
  return entry.user?.username === ourController || (entry.userAgent ?? "").startsWith("kubectl-cni");
}

export function isCalicos(entry: AuditEntry): boolean {
  return entry.user?.username === calicoController;
}

/** Of kubectl, as the lab's own helpers call it. */
export function isHarness(entry: AuditEntry): boolean {
  return (entry.userAgent ?? "").startsWith("kubectl/");
}
