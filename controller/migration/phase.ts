import type { CniMigration, NodeMigration } from "../../crds/index.ts";
import type { Node } from "../../kube/objects.ts";
import type { Scope } from "../scope.ts";

export type MigrationStatus = NonNullable<CniMigration["status"]>;

/** All a phase may look at. `migration` is the newest written; `nodeMigrations` are those it owns, by name. */
export interface MigrationContext {
  scope: Scope;
  migration: CniMigration;
  nodes: readonly Node[];
  nodeMigrations: readonly NodeMigration[];
  /** Writes to status before a side effect, guarded by resourceVersion. */
  record(status: Partial<MigrationStatus>): Promise<void>;
}

/** `next`: the phase holds. Otherwise the pass ends with this in the conditions. */
export type PhaseResult =
  | { outcome: "next" }
  | { outcome: "wait"; summary: string; reason: string; message: string; afterSeconds?: number }
  | { outcome: "stalled"; reason: string; message: string; afterSeconds?: number }
  | { outcome: "finished"; reason: string; message: string };

/** One stretch of a migration. Level-triggered: run at every pass, quick when it holds already. */
export interface Phase {
  readonly name: string;
  run(context: MigrationContext): Promise<PhaseResult>;
}

export const next: PhaseResult = { outcome: "next" };
