import { describe, expect, it } from "vitest";
import { statusError, transportError } from "./failures.ts";

const where = { server: "https://10.0.0.1:6443", request: "GET /api", stage: "head" } as const;

describe("transportError", () => {
  it.each([
    ["ECONNREFUSED", "Refused", "refused the connection; check the address and that it is running"],
    ["ENOTFOUND", "Unreachable", "does not resolve; check the server of the kubeconfig and DNS"],
    ["EAI_AGAIN", "Unreachable", "does not resolve"],
    ["EHOSTUNREACH", "Unreachable", "no route to the API server https://10.0.0.1:6443; check the network or VPN"],
    ["ETIMEDOUT", "Timeout", "does not accept connections in time"],
    ["CERT_HAS_EXPIRED", "Tls", "has expired; renew it"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "Tls", "is for other names"],
    [
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      "Tls",
      "is not signed by the authority of the kubeconfig; check certificate-authority",
    ],
    ["SELF_SIGNED_CERT_IN_CHAIN", "Tls", "is not signed by the authority"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "Tls", "is not signed by the authority"],
    ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "Tls", "refused the client certificate"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "Tls", "does not speak TLS; check scheme and port"],
    ["ECONNRESET", "Reset", "closed the connection without an answer"],
    ["EPIPE", "Reset", "closed the connection without an answer"],
    ["HPE_INVALID_CONSTANT", "Protocol", "does not answer in HTTP"],
    ["EWHATEVER", "Failed", "no answer from https://10.0.0.1:6443: it broke"],
  ])("calls %s %s and says what to do, in one line", (code, reason, text) => {
    const error = transportError(Object.assign(new Error("it\nbroke"), { code }), where);

    expect(error).toMatchObject({ status: 0, reason, request: "GET /api" });
    expect(error.message).toContain(text);
    expect(error.message).toMatch(/ \(GET \/api\)$/);
    expect(error.message).not.toContain("\n");
  });

  it("looks into what came of trying several addresses of a name", () => {
    const refused = Object.assign(new Error("a"), { code: "ECONNREFUSED" });

    expect(transportError(new AggregateError([refused, refused]), where).reason).toBe("Refused");
  });
});

describe("statusError", () => {
  const now = Date.parse("2030-01-01T00:00:00Z");

  it.each([
    ["seconds", "7", 7],
    ["a date", "Tue, 01 Jan 2030 00:00:09 GMT", 9],
    ["a date that is past", "Tue, 01 Jan 2029 00:00:09 GMT", 0],
    ["nonsense", "soon", undefined],
  ])("reads Retry-After given as %s", (_, value, seconds) => {
    const answer = { status: 503, headers: { "retry-after": value }, body: "" };

    expect(statusError(answer, "GET /api", now)).toMatchObject({
      reason: "ServiceUnavailable",
      retryAfterSeconds: seconds,
    });
  });

  it("takes reason, causes and the time to wait from the Status", () => {
    const causes = [{ reason: "DisruptionBudget", message: "The disruption budget web needs 3 healthy pods" }];
    const body = {
      kind: "Status",
      message: "Cannot evict pod",
      reason: "TooManyRequests",
      details: { causes, retryAfterSeconds: 10 },
    };

    const error = statusError({ status: 429, headers: {}, body: JSON.stringify(body) }, "POST /x", now);

    expect(error).toMatchObject({ status: 429, reason: "TooManyRequests", retryAfterSeconds: 10, causes });
    expect(error.message).toBe("Cannot evict pod (429 POST /x)");
  });

  it("shows the beginning of a page that is no Status, in one line", () => {
    const answer = { status: 502, headers: {}, body: `<html>\n  <b>Bad Gateway</b>\n${"x".repeat(1000)}` };

    const { message, reason } = statusError(answer, "GET /api", now);

    expect(message).toMatch(/^<html> <b>Bad Gateway<\/b> x+ \(502 GET \/api\)$/);
    expect(message.length).toBeLessThan(330);
    expect(reason).toBe("Http502");
  });

  it("makes a conflict of an attempt to write to a namesake", () => {
    const details = { causes: [{ field: "metadata.uid", message: "field is immutable" }] };
    const body = JSON.stringify({ kind: "Status", reason: "Invalid", message: "uid is immutable", details });

    expect(statusError({ status: 422, headers: {}, body }, "PATCH /x", now)).toMatchObject({
      status: 409,
      reason: "Conflict",
    });
  });
});
