import pino, { type Logger } from "pino";

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
  });
}
