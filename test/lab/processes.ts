import { readFileSync } from "node:fs";
import { poll } from "./run.ts";

/**
 * A process, told apart from any later one that got the same number: the kernel's start time (clock ticks since boot)
 * and the boot itself are part of its identity.
 */
export interface ProcessRecord {
  pid: number;
  startTime: string;
  bootId: string;
}

/** The running kernel's boot; changes with every start of the machine. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** Start time out of the text of /proc/PID/stat; undefined for a zombie, which is as good as gone. */
export function parseStartTime(stat: string): string | undefined {
  // The command name (field 2) may hold blanks and parentheses: count from its last ")".
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, startTime] = [fields[0], fields[19]];
  return state === "Z" || state === "X" ? undefined : startTime;
}

/** Who has this process number now; undefined when nobody has. */
export function identify(pid: number): ProcessRecord | undefined {
  try {
    const startTime = parseStartTime(readFileSync(`/proc/${pid}/stat`, "utf8"));
    return startTime === undefined ? undefined : { pid, startTime, bootId: bootId() };
  } catch {
    return undefined;
  }
}

export function isAlive(record: ProcessRecord): boolean {
  const now = identify(record.pid);
  return now !== undefined && now.startTime === record.startTime && now.bootId === record.bootId;
}

/** Sends a signal to exactly the recorded process; false when it is gone already. */
function signal(record: ProcessRecord, name: NodeJS.Signals): boolean {
  if (!isAlive(record)) return false;
  try {
    return process.kill(record.pid, name);
  } catch {
    return false;
  }
}

/** Ends the recorded processes: SIGTERM and a grace first when asked for, then SIGKILL. Gives those that would not go. */
export async function endAll(records: readonly ProcessRecord[], graceMs = 0): Promise<ProcessRecord[]> {
  if (graceMs > 0) {
    for (const record of records) signal(record, "SIGTERM");
    await poll(() => !records.some(isAlive), { timeoutMs: graceMs, intervalMs: 20 });
  }
  for (const record of records) signal(record, "SIGKILL");
  await poll(() => !records.some(isAlive), { timeoutMs: 10_000, intervalMs: 20 });
  return records.filter(isAlive);
}

/** Reads the record a lab daemon wrote about itself: "PID STARTTIME BOOTID" in one line. */
export function readRecord(path: string): ProcessRecord | undefined {
  try {
    const [pid, startTime, boot] = readFileSync(path, "utf8").trim().split(/\s+/);
    return pid && startTime && boot ? { pid: Number(pid), startTime, bootId: boot } : undefined;
  } catch {
    return undefined;
  }
}
