/**
 * What an error means for the loop. `wait`: nothing is wrong, look again later. `retry`: an attempt failed, back off and
 * try again. `stalled`: a person must act. `usage`: the request itself is wrong (exit code 2).
 */
export type ErrorKind = "wait" | "retry" | "stalled" | "usage";

export interface ErrorFacts {
  kind: ErrorKind;
  /** The object it is about: "pod shop/cart-0". */
  object?: string;
  step?: string;
  /** What to do next: a command where there is one. */
  hint?: string;
  retryAfterSeconds?: number;
  cause?: unknown;
}

/** The one error of the controller; its kind decides queue, condition, Event and exit code. `reason` is from the vocabulary. */
export class MigrationError extends Error {
  override readonly name = "MigrationError";
  readonly reason: string;
  readonly kind: ErrorKind;
  readonly object: string | undefined;
  readonly step: string | undefined;
  readonly hint: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(reason: string, message: string, facts: ErrorFacts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.reason = reason;
    this.kind = facts.kind;
    this.object = facts.object;
    this.step = facts.step;
    this.hint = facts.hint;
    this.retryAfterSeconds = facts.retryAfterSeconds;
  }

  /** Message and hint in one line, as a condition shows it. */
  get text(): string {
    return this.hint === undefined ? this.message : `${this.message}; ${this.hint}`;
  }
}
