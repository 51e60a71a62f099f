import type { Detected } from "./contract.ts";

/** One place a value may be found. */
export interface Candidate<T> {
  /** Undefined where the place does not say. */
  value: T | undefined;
  /** The place, as people name it: "configmap kube-flannel/kube-flannel-cfg, net-conf.json, Network". */
  from: string;
}

/** The first candidate that has a value, as told to the user; the last one, "unknown", when none has. */
export function choose<T>(candidates: readonly Candidate<T>[]): Candidate<T> {
  const found = candidates.find((c) => c.value !== undefined);
  return found ?? { value: undefined, from: candidates.at(-1)?.from ?? "" };
}

export function detectedFrom(name: string, candidate: Candidate<unknown>): Detected {
  return { name, value: String(candidate.value ?? "unknown"), from: candidate.from };
}
