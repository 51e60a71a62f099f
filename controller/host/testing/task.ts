import type { HostOp, HostResult } from "../../../networks/host-ops.ts";
import { outputOf, type TestNet } from "./netns.ts";

const entry = `
import { runHostTaskMain } from "./main.ts";
const overrides = process.env.RENAME_WHILE_DOWN ? { renameWhileDown: true } : {};
runHostTaskMain(process.argv.slice(2), overrides).then((code) => process.exit(code));
`;

export interface TaskRun {
  exitCode: number | null;
  result: HostResult;
  /** From the start of the process to its end. */
  wallMs: number;
}

/**
 * Runs host tasks as the pod does: a process of its own, in a node's namespace, the node's files below `root`. `mounts` is
 * a shell command run before it in the same, private mount namespace.
 */
export function taskRunner(net: TestNet) {
  const bundle = net.bundle("host-task", entry);
  return async (
    namespace: string,
    root: string,
    ops: readonly HostOp[],
    options: { env?: Record<string, string>; mounts?: string } = {},
  ): Promise<TaskRun> => {
    const started = performance.now();
    const task = ["node", bundle, "--root", root, "--ops", JSON.stringify(ops)];
    const argv = options.mounts === undefined ? task : ["sh", "-ec", `${options.mounts}; exec "$@"`, "sh", ...task];
    const child = net.start(namespace, argv, options.env);
    const text = await outputOf(child);
    return { exitCode: child.exitCode, result: JSON.parse(text) as HostResult, wallMs: performance.now() - started };
  };
}
