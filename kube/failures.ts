import { ApiError, type ApiErrorCause } from "./errors.ts";

/** Turns what went wrong on the way, or what the server answered, into `ApiError`. Texts are made here only. */

/** No answer: why, and what a person can do. `{server}` stands for the URL of the API server. */
const failures: readonly { codes: readonly (string | RegExp)[]; reason: string; text: string }[] = [
  {
    codes: ["ECONNREFUSED"],
    reason: "Refused",
    text: "the API server {server} refused the connection; check the address and that it is running",
  },
  {
    codes: ["ENOTFOUND", "EAI_AGAIN", "EAI_NONAME"],
    reason: "Unreachable",
    text: "the host name of the API server {server} does not resolve; check the server of the kubeconfig and DNS",
  },
  {
    codes: ["EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL", "ENETDOWN", "EHOSTDOWN"],
    reason: "Unreachable",
    text: "there is no route to the API server {server}; check the network or VPN",
  },
  {
    codes: ["ETIMEDOUT"],
    reason: "Timeout",
    text: "the API server {server} does not accept connections in time; check the address, firewall and VPN",
  },
  {
    codes: ["CERT_HAS_EXPIRED"],
    reason: "Tls",
    text: "the certificate of the API server {server} has expired; renew it (kubeadm certs renew all)",
  },
  {
    codes: ["CERT_NOT_YET_VALID"],
    reason: "Tls",
    text: "the certificate of the API server {server} is not valid yet; check the clocks",
  },
  {
    codes: ["ERR_TLS_CERT_ALTNAME_INVALID"],
    reason: "Tls",
    text: "the certificate of the API server {server} is for other names; correct the server or set tls-server-name",
  },
  {
    codes: [/SELF_SIGNED/, /^UNABLE_TO_/, "CERT_UNTRUSTED", "CERT_SIGNATURE_FAILURE"],
    reason: "Tls",
    text: "the certificate of the API server {server} is not signed by the authority of the kubeconfig; check certificate-authority",
  },
  {
    codes: [/ALERT/],
    reason: "Tls",
    text: "the API server {server} refused the client certificate; check client-certificate of the kubeconfig",
  },
  {
    codes: ["EPROTO", "ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_PACKET_LENGTH_TOO_LONG"],
    reason: "Tls",
    text: "{server} does not speak TLS; check scheme and port of the server",
  },
  { codes: [/^ERR_SSL/, /^ERR_OSSL/, /^ERR_TLS/, /^CERT_/], reason: "Tls", text: "no TLS connection to {server}" },
  {
    codes: ["ECONNRESET", "EPIPE", "ECONNABORTED", "ERR_STREAM_PREMATURE_CLOSE"],
    reason: "Reset",
    text: "the API server {server} closed the connection without an answer",
  },
  { codes: [/^HPE_/], reason: "Protocol", text: "{server} does not answer in HTTP; check the port of the server" },
];

/** A request that never got (all of) an answer. `stage` "body": the answer had begun. */
export function transportError(
  error: unknown,
  facts: { server: string; request: string; stage: "head" | "body" },
): ApiError {
  if (error instanceof ApiError) return error;
  const code = codeOf(error);
  const known = failures.find((f) => f.codes.some((c) => (typeof c === "string" ? c === code : c.test(code))));
  const fallback = { reason: "Failed", text: `no answer from {server}: ${oneLine(messageOf(error))}` };
  const cut = { reason: "Truncated", text: "the answer of {server} ended before it was complete" };
  const { reason, text } = facts.stage === "body" ? cut : (known ?? fallback);
  return failure(reason, text.replace("{server}", facts.server), facts.request, error);
}

export function timeoutError(request: string, server: string, seconds: number): ApiError {
  return failure("Timeout", `no complete answer from ${server} within ${seconds} s`, request);
}

/** An answer that came through but is of no use: too large, not JSON, a line that never ends. */
export function failure(reason: string, text: string, request: string, cause?: unknown, status = 0): ApiError {
  return new ApiError(`${text} (${request})`, { status, reason, request, cause });
}

/** An answer other than 2xx. */
export function statusError(
  answer: { status: number; headers: Readonly<Record<string, string | string[] | undefined>>; body: string },
  request: string,
  nowMs: number,
): ApiError {
  const status = parseStatus(answer.body);
  const text = status.message ?? (oneLine(answer.body).slice(0, 300) || "no explanation");
  return answerError(
    { ...status, message: text, code: answer.status },
    request,
    retryAfter(answer.headers["retry-after"], nowMs),
  );
}

/** metav1.Status, as an answer or as the object of a watch's ERROR event. */
export function statusObjectError(object: unknown, request: string): ApiError {
  return answerError({ message: "the watch failed", ...(isStatus(object) ? object : {}) }, request);
}

function answerError(
  { code = 500, reason, message, details }: Status,
  request: string,
  retryAfterSeconds?: number,
): ApiError {
  const causes = details?.causes ?? [];
  // A write meant for another object of the same name: to the server an attempt to change the UID, to us a conflict.
  const namesake = code === 422 && causes.some((cause) => cause.field === "metadata.uid");
  const status = namesake ? 409 : code;
  return new ApiError(`${message} (${status} ${request})`, {
    status,
    reason: namesake ? "Conflict" : (reason ?? reasons[code] ?? `Http${code}`),
    request,
    retryAfterSeconds: retryAfterSeconds ?? details?.retryAfterSeconds,
    causes,
  });
}

/** Where a server or a proxy in front of it answers without a metav1.Status. */
const reasons: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  409: "Conflict",
  410: "Expired",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};

interface Status {
  kind?: string;
  message?: string;
  reason?: string;
  code?: number;
  details?: { retryAfterSeconds?: number; causes?: ApiErrorCause[] };
}

function isStatus(value: unknown): value is Status {
  return typeof value === "object" && value !== null && (value as Status).kind === "Status";
}

function parseStatus(body: string): Status {
  try {
    const value: unknown = JSON.parse(body);
    return isStatus(value) ? value : {};
  } catch {
    return {};
  }
}

/** Seconds, or an HTTP date. */
function retryAfter(header: string | string[] | undefined, nowMs: number): number | undefined {
  const value = Array.isArray(header) ? header[0] : header;
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value);
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - nowMs) / 1000));
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (typeof code === "string") return code;
  // Node tries IPv4 and IPv6 in turn and wraps what came of them.
  const inner = error instanceof AggregateError ? error.errors[0] : undefined;
  return inner === undefined ? "" : codeOf(inner);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
