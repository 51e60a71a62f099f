import type { LabelSelector } from "../../kube/objects.ts";

/** spec.drain of a CniMigration with its defaults filled in and its times in seconds. */
export interface DrainPolicy {
  /** How long the drain of one node may take. */
  timeoutSeconds: number;
  /** Undefined: each pod's own. 0: at once. */
  gracePeriodSeconds: number | undefined;
  deleteEmptyDirData: boolean;
  /** Evict pods that nobody makes anew. */
  force: boolean;
  /** Delete instead of evict: PodDisruptionBudgets are not asked. The replica rule holds all the same. */
  disableEviction: boolean;
  ignore: readonly { namespace?: string; podSelector: LabelSelector }[];
  /** Pods whose grace period ended longer ago than this are not waited for. Undefined: all are. */
  skipTerminatingSeconds?: number;
}

/** spec.drain as the API gives it. */
export interface DrainSettings {
  timeout?: string;
  gracePeriodSeconds?: number;
  deleteEmptyDirData?: boolean;
  force?: boolean;
  disableEviction?: boolean;
  ignore?: readonly { namespace?: string; podSelector: LabelSelector }[];
}

/** The CRD's defaults, for an object the API server has not defaulted. */
export function drainPolicy(settings: DrainSettings = {}): DrainPolicy {
  const grace = settings.gracePeriodSeconds ?? -1;
  return {
    timeoutSeconds: durationSeconds(settings.timeout ?? "10m"),
    gracePeriodSeconds: grace < 0 ? undefined : grace,
    deleteEmptyDirData: settings.deleteEmptyDirData ?? true,
    force: settings.force ?? false,
    disableEviction: settings.disableEviction ?? false,
    ignore: settings.ignore ?? [],
  };
}

/** "1h30m", "90s" in seconds. The CRD refuses any other form; should one come through, the answer is 10 minutes. */
export function durationSeconds(text: string): number {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  const [hours, minutes, seconds] = [match?.[1], match?.[2], match?.[3]].map((part) => Number(part ?? 0));
  return (hours ?? 0) * 3600 + (minutes ?? 0) * 60 + (seconds ?? 0) || 600;
}
