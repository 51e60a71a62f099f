import type { KubeClient } from "../kube/types.ts";

/** The way to one cluster, as one user. */
export interface Session {
  client: KubeClient;
  /** Namespace of the context, or of --namespace: for objects of -f that name none. */
  namespace: string;
  /** Standard output of a command run in a container: small, read-only commands. Throws Error when it cannot be had. */
  exec(pod: { namespace: string; name: string; container: string }, command: readonly string[]): Promise<string>;
}
