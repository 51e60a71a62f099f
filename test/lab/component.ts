import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";

/** One server process of a test environment. */
export interface Component {
  name: string;
  child: ChildProcess;
  ended(): boolean;
  /** The last line it logged. */
  lastWords(): string;
}

/** How long a component may take to end by itself before it is killed. */
const graceMs = 3000;

/** Starts a program that the kernel kills when this process dies; its output goes to the log file. */
export function startComponent(name: string, argv: readonly string[], logPath: string): Component {
  const log = openSync(logPath, "a");
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...argv], { stdio: ["ignore", log, log] });
  closeSync(log);
  child.on("error", () => {});
  return {
    name,
    child,
    ended: () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null,
    lastWords: () => readFileSync(logPath, "utf8").trim().split("\n").at(-1) ?? "",
  };
}

/** Ends components one after the other, each by its own process: SIGTERM, then SIGKILL after the grace. */
export async function endComponents(components: readonly Component[]): Promise<void> {
  for (const component of components) await endComponent(component);
}

function endComponent(component: Component): Promise<void> {
  if (component.ended()) return Promise.resolve();
  return new Promise((resolve) => {
    const kill = setTimeout(() => component.child.kill("SIGKILL"), graceMs);
    component.child.once("exit", () => {
      clearTimeout(kill);
      resolve();
    });
    component.child.kill("SIGTERM");
  });
}
