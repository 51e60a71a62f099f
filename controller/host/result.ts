import type { HostResult } from "../../networks/host-ops.ts";

/** Longest termination message a kubelet takes from one container, in bytes. */
export const maxMessageBytes = 4096;
const maxErrorCharacters = 1000;

/** The result as JSON of at most 4096 bytes: the longest list loses its last entry until it fits; `truncated` counts them. */
export function renderResult(result: HostResult): string {
  const cut: HostResult = structuredClone(result);
  if (cut.error !== undefined) cut.error.message = cut.error.message.slice(0, maxErrorCharacters);
  for (;;) {
    const text = JSON.stringify(cut);
    if (Buffer.byteLength(text) <= maxMessageBytes) return text;
    const longest = listsOf(cut).reduce((a, b) => (JSON.stringify(a).length >= JSON.stringify(b).length ? a : b), []);
    if (longest.length === 0) return JSON.stringify({ ok: cut.ok, error: cut.error, elapsedMs: cut.elapsedMs });
    longest.pop();
    cut.truncated = (cut.truncated ?? 0) + 1;
  }
}

function listsOf({ facts, changes, leftovers }: HostResult): unknown[][] {
  const ofFacts = facts === undefined ? [] : [facts.cniBinaries, facts.cniConfFiles, facts.vxlans, facts.bridges];
  return [changes, leftovers, ...ofFacts].filter((list) => list !== undefined);
}
