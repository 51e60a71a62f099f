import { maxMessageBytes } from "../host/result.ts";
import type { ProbeCheck, ProbeReport } from "./spec.ts";

const maxDetailCharacters = 120;

/**
 * The report as JSON of at most 4096 bytes. When it does not fit, the checks that passed become one entry a kind, then
 * details are cut, then failed checks are left out and counted.
 */
export function renderReport(checks: readonly ProbeCheck[]): string {
  const failed = checks.filter((check) => !check.ok);
  const passed = checks.filter((check) => check.ok);
  const ok = failed.length === 0;
  const short = failed.map((check) => ({ ...check, detail: check.detail.slice(0, maxDetailCharacters) }));
  for (const attempt of [
    [...failed, ...passed],
    [...failed, ...summary(passed)],
    [...short, ...summary(passed)],
  ]) {
    const text = render({ ok, checks: attempt });
    if (text !== undefined) return text;
  }
  for (let kept = short.length - 1; kept > 0; kept--) {
    const text = render({ ok, checks: short.slice(0, kept), omitted: short.length - kept });
    if (text !== undefined) return text;
  }
  return JSON.stringify({ ok, checks: [], omitted: short.length });
}

function render(report: ProbeReport): string | undefined {
  const text = JSON.stringify(report);
  return Buffer.byteLength(text) <= maxMessageBytes ? text : undefined;
}

/** One entry a kind of check that passed: how many, the slowest and the most tries. */
function summary(passed: readonly ProbeCheck[]): ProbeCheck[] {
  const kinds = [...new Set(passed.map((check) => check.kind))];
  return kinds.map((kind) => {
    const checks = passed.filter((check) => check.kind === kind);
    const slowest = checks.reduce((a, b) => (a.ms >= b.ms ? a : b));
    const path = checks.length === 1 ? slowest.path : `${checks.length} paths, slowest: ${slowest.path}`;
    const tries = Math.max(...checks.map((check) => check.tries));
    return { path, kind, ok: true, detail: slowest.detail.slice(0, maxDetailCharacters), ms: slowest.ms, tries };
  });
}
