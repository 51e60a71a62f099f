import { readdir, readFile } from "node:fs/promises";
import { get } from "node:http";
import type { VxlanMarks } from "../../networks/host-ops.ts";
import { type HostDeps, HostError, jsonList } from "./deps.ts";
import { statEntry } from "./files.ts";
import { marksProblem, readLinks } from "./links.ts";

/** Waits of a host task: short polls, and an error that says what was seen last. */

const pollMs = 50;
/** Longest one look may take. */
const lookMs = 1_000;

/** Looks until `look` says nothing is missing (undefined), or the time is up: then its last words are the error. */
async function poll(deps: HostDeps, what: string, timeoutSeconds: number, look: () => Promise<string | undefined>) {
  const deadline = deps.now() + timeoutSeconds * 1000;
  for (;;) {
    const seen = await look();
    if (seen === undefined) return;
    if (deps.now() >= deadline) throw new HostError(`${what}: not within ${timeoutSeconds} s; last seen: ${seen}`);
    await deps.sleep(pollMs);
  }
}

/** The host's processes are visible because the pod shares its PID namespace. A zombie holds nothing and counts as gone. */
export async function awaitProcessGone(
  deps: HostDeps,
  names: readonly string[],
  timeoutSeconds: number,
): Promise<void> {
  await poll(deps, `end of ${names.join(", ")}`, timeoutSeconds, async () => {
    const running = await findProcesses(names);
    return running.length === 0 ? undefined : running.slice(0, 3).join(", ");
  });
}

async function findProcesses(names: readonly string[]): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found = await Promise.all(pids.map((pid) => processName(pid, names)));
  return found.filter((entry) => entry !== undefined);
}

/** "flanneld (PID 12)" when the process has one of the names. One that ends while it is looked at has none. */
async function processName(pid: string, names: readonly string[]): Promise<string | undefined> {
  const [stat, commandLine] = await Promise.all(
    ["stat", "cmdline"].map((file) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "")),
  );
  const [, comm, state] = /^\d+ \((.*)\) (\S)/s.exec(stat ?? "") ?? [];
  if (state === undefined || state === "Z" || state === "X") return undefined;
  const program = (commandLine ?? "").split("\0")[0]?.split("/").at(-1);
  const name = names.find((wanted) => wanted === comm || wanted === program);
  return name === undefined ? undefined : `${name} (PID ${pid})`;
}

/** Asks a URL on loopback until it answers with one of the statuses. */
export async function awaitHttp(
  deps: HostDeps,
  url: string,
  statuses: readonly number[],
  timeoutSeconds: number,
): Promise<void> {
  await poll(deps, `answer of ${url}`, timeoutSeconds, async () => {
    const answer = await statusOf(url);
    return statuses.includes(Number(answer)) ? undefined : `${answer}`;
  });
}

function statusOf(url: string): Promise<number | string> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: lookMs }, (response) => {
      response.resume();
      resolve(response.statusCode ?? "no status");
      request.destroy();
    });
    request.on("timeout", () => request.destroy(new Error("no answer within 1 s")));
    request.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

/**
 * Waits for a regular file. With `maxAgeSeconds`, one older than that at `startMs` does not count: it is an earlier run's.
 */
export async function awaitFile(
  deps: HostDeps,
  path: string,
  timeoutSeconds: number,
  maxAge: { seconds: number; startMs: number } | undefined,
): Promise<void> {
  await poll(deps, `file ${path}`, timeoutSeconds, async () => {
    const entry = await statEntry(deps, path);
    if (entry === undefined) return "no such file";
    if (entry.kind !== "file") return "it is not a regular file";
    if (maxAge === undefined || entry.modifiedMs >= maxAge.startMs - maxAge.seconds * 1000) return undefined;
    return `it was last written at ${new Date(entry.modifiedMs).toISOString()}, by an earlier run`;
  });
}

/** Waits for a VXLAN device of this name with these marks that is up. */
export async function awaitVxlan(
  deps: HostDeps,
  name: string,
  marks: VxlanMarks,
  timeoutSeconds: number,
): Promise<void> {
  await poll(deps, `VXLAN device ${name}`, timeoutSeconds, async () => {
    const links = await readLinks(deps, "vxlan");
    const link = links.find((entry) => entry.name === name);
    if (link === undefined)
      return links.length === 0 ? "no VXLAN device" : `only ${links.map((l) => l.name).join(", ")}`;
    return marksProblem(link, marks) ?? (link.up ? undefined : `${name} is down`);
  });
}

/** Waits until the device has a route to each of these ranges. */
export async function awaitRoutes(
  deps: HostDeps,
  device: string,
  destinations: readonly string[],
  timeoutSeconds: number,
): Promise<void> {
  await poll(deps, `routes of ${device}`, timeoutSeconds, async () => {
    const both = await Promise.all(
      ["-4", "-6"].map((family) => jsonList(deps, ["ip", "-json", family, "route", "show", "dev", device])),
    );
    const present = new Set(both.flat().map(({ dst }) => String(dst)));
    const missing = destinations.filter((destination) => !present.has(destination));
    return missing.length === 0 ? undefined : `none to ${missing.slice(0, 3).join(", ")}`;
  });
}
