import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cachePath } from "./cache.ts";
import { labFolder } from "./state.ts";

/** Where a node's pods log, as the host sees it. */
const podLogs = "overlay/var/upper/log/pods";

/** Copies all logs of a lab that is about to be removed to a folder that stays until the next such copy; gives it. */
export function keepLogs(lab: string): string {
  const [from, to] = [labFolder(lab), cachePath("logs", lab)];
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  if (!existsSync(from)) return to;
  copyLogs(from, to);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    copyLogs(join(from, entry.name), join(to, entry.name));
    const pods = join(from, entry.name, podLogs);
    if (existsSync(pods)) cpSync(pods, join(to, entry.name, "pods"), { recursive: true });
  }
  return to;
}

function copyLogs(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) if (name.endsWith(".log")) cpSync(join(from, name), join(to, name));
}
