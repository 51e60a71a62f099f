import pino, { type Logger } from "pino";
import { ApiError } from "../kube/errors.ts";

export type { Logger };

/** Structured logs: one JSON object a line on stdout; static messages, facts as fields. */
export function createLogger(level = "info"): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    messageKey: "msg",
    errorKey: "error",
    serializers: { error: describeError },
  });
}

/** An error of the cluster says all in its message; one of the program needs its stack. */
function describeError(error: unknown): unknown {
  if (error instanceof ApiError) return { type: error.name, message: error.message };
  return error instanceof Error ? { type: error.name, message: error.message, stack: error.stack } : error;
}
