/** How to reach one cluster and as whom. Made by kube/config.ts, used by kube/transport.ts. */
export interface Connection {
  /**
   * Base URLs of the API servers ("https://10.0.0.1:6443", a path is kept). Read anew for each request: the array may
   * be replaced while the connection is in use. The first that accepts a connection is kept until it fails.
   */
  servers: readonly string[];
  readonly tls: {
    /** PEM. The system's own authorities when missing. */
    readonly ca?: string;
    /** Name the server's certificate must carry, when it is not the host of the URL. */
    readonly servername?: string;
    /** Accept any certificate. */
    readonly insecure?: boolean;
  };
  /** Namespace of the context; "default" when it names none. */
  readonly namespace: string;
  /** Deadline of a call when the caller sets none. */
  readonly timeoutSeconds?: number;
  /** The HTTP proxy for a server; undefined: direct. */
  proxyFor?(server: URL): URL | undefined;
  /**
   * Credentials of the next request. `refresh` after a 401: what is cached (token file, exec plugin) is read again.
   * Throws `ConfigError` when they cannot be had.
   */
  credentials(refresh: boolean): Promise<Credentials>;
}

export interface Credentials {
  /** Authorization and Impersonate-* headers. Never logged, never part of an error. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** Client certificate and key, PEM. */
  readonly cert?: string;
  readonly key?: string;
}

/** A kubeconfig, flag or credential that cannot be used. One line: what, where, what to do. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** Nothing is wrong with what is there, but no cluster is named anywhere. */
  readonly noCluster: boolean;

  constructor(message: string, facts: { noCluster?: boolean } = {}) {
    super(message);
    this.noCluster = facts.noCluster ?? false;
  }
}
