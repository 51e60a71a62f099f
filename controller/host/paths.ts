import { allowedPaths, removableFiles, removablePaths } from "../../networks/host-ops.ts";

/** Directories that belong to nobody alone: files in them may go, they themselves may not. */
const sharedDirectories: readonly string[] = [
  "/etc/cni/net.d",
  "/opt/cni/bin",
  "/var/lib/cni",
  "/sys/fs/bpf/tc/globals",
];

const roots: readonly string[] = [...allowedPaths, ...removablePaths];
const singleFiles: readonly string[] = removableFiles;

/** `file`: may be written, too. A mount point is never a root itself. */
export type PathUse = "file" | "removableFile" | "mount" | "directory" | "removableDirectory";

/**
 * Why a host path is refused, or undefined when it may be used. A file lies below one of the roots; a directory may be
 * a root itself; one that is to be removed must not be shared with other networks. Looks at the text only: symbolic links
 * are the business of files.ts.
 */
export function pathProblem(path: unknown, use: PathUse): string | undefined {
  const bad = malformed(path);
  if (bad !== undefined) return bad;
  const text = String(path);
  if (use === "removableFile" && isSingleFile(text)) return undefined;
  const root = rootOf(text);
  if (root === undefined || (use === "file" && !isIn(allowedPaths, root)))
    return `${text} is outside the directories a host task may touch`;
  if (["file", "removableFile", "mount"].includes(use) && text === root) return `${text} is a directory`;
  if (use === "removableDirectory" && sharedDirectories.includes(text)) return `${text} is shared with other networks`;
  return undefined;
}

/** The allowed root a path lies in. */
export function rootOf(path: string): string | undefined {
  return roots.find((root) => path === root || path.startsWith(`${root}/`));
}

/** Whether it is a file that may go from a directory nothing else may be touched in. */
export function isSingleFile(path: string): boolean {
  return singleFiles.includes(path);
}

function isIn(list: readonly string[], path: string): boolean {
  return list.includes(path);
}

function malformed(path: unknown): string | undefined {
  if (typeof path !== "string" || !path.startsWith("/") || path.length > 1024) return "is not an absolute path";
  if (/[\u0000-\u001f\u007f]/.test(path)) return "holds a control character";
  const segments = path.slice(1).split("/");
  if (segments.some((segment) => segment === "" || segment === "." || segment === ".."))
    return `${path} holds an empty, "." or ".." segment`;
  return undefined;
}
