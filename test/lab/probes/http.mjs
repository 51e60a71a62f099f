/**
 * One GET each 50 ms, each on a new connection, 1 s to answer, from the network namespace it is started in:
 * `node http.mjs URL`. Prints one JSON line for each failure as it happens, and the totals when it is told to end (SIGTERM).
 * A line: {"at": epoch ms, "error": "ECONNREFUSED"}; totals: {"ok": n, "failed": n, "worstLagMs": n}.
 */
import http from "node:http";

const [, , url] = process.argv;
const everyMs = 50;
let ok = 0;
let failed = 0;
let worstLagMs = 0;

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

function once() {
  const at = Date.now();
  let settled = false;
  const settle = (error) => {
    if (settled) return;
    settled = true;
    if (error === undefined) ok++;
    else {
      failed++;
      say({ at, error });
    }
  };
  const request = http.get(url, { agent: false, timeout: 1000 }, (response) => {
    response.resume();
    response.on("end", () => settle(response.statusCode === 200 ? undefined : `HTTP ${response.statusCode}`));
    response.on("error", (error) => settle(error.code ?? error.message));
  });
  request.on("timeout", () => request.destroy(Object.assign(new Error("timeout"), { code: "ETIMEDOUT" })));
  request.on("error", (error) => settle(error.code ?? error.message));
}

// The lag says whether this process itself was starved: then a failure may be its own.
let due = performance.now();
const timer = setInterval(() => {
  const now = performance.now();
  worstLagMs = Math.max(worstLagMs, now - due - everyMs);
  due = now;
  once();
}, everyMs);

process.on("SIGTERM", () => {
  clearInterval(timer);
  // What is under way has a second to answer.
  setTimeout(() => {
    say({ ok, failed, worstLagMs: Math.round(worstLagMs) });
    process.exit(0);
  }, 1100);
});
