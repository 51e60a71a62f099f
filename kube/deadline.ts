import { timeoutError } from "./failures.ts";
import { onAbort } from "./signals.ts";

/** The time limit of one call, joined with the caller's own signal. Call `clear` when the call is over. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #caller: AbortSignal | undefined;
  readonly #ignoreCaller: () => void;
  readonly #seconds: number;
  /** The limit passed, rather than the caller gave up. */
  timedOut = false;

  constructor(seconds: number, caller: AbortSignal | undefined) {
    this.#seconds = seconds;
    this.#caller = caller;
    this.#timer = setTimeout(() => {
      this.timedOut = true;
      this.#controller.abort();
    }, seconds * 1000);
    this.#ignoreCaller = onAbort(caller, () => this.#controller.abort());
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What to throw once `signal` has fired: `ApiError` Timeout, or the caller's own reason. */
  error(request: string, server: string): unknown {
    return this.timedOut ? timeoutError(request, server, this.#seconds) : this.#caller?.reason;
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#ignoreCaller();
  }
}
