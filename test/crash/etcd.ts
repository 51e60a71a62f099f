/** All that a store holds, value by key, both in base64. */
export type Dump = ReadonlyMap<string, string>;

interface Range {
  kvs?: { key: string; value: string; lease?: string }[];
}

/**
 * Reads and writes an etcd behind the API server's back, by its HTTP gateway. What is written shows up in every watch like
 * any other change, so the control plane goes on as if somebody had put all objects back, UIDs included.
 */
export class Etcd {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Keys that never stand still, and those that go by themselves (Events), left out. */
  async dump(): Promise<Dump> {
    const all = { key: base64("/registry/"), range_end: base64("/registry0") };
    const { kvs = [] } = await this.#ask<Range>("/v3/kv/range", all);
    return new Map(kvs.filter(({ key }) => !isRestless(text(key))).map(({ key, value }) => [key, value]));
  }

  /** Writes what differs, one key after the other, and gives the keys. Empty: the store held all that already. */
  async restore(wanted: Dump): Promise<string[]> {
    const now = await this.dump();
    const changed = [...wanted].filter(([key, value]) => now.get(key) !== value).map(([key]) => key);
    const surplus = [...now.keys()].filter((key) => !wanted.has(key));
    const keys = [...changed, ...surplus].sort((a, b) => rank(text(a)) - rank(text(b)));
    for (const key of keys) {
      const value = wanted.get(key);
      if (value === undefined) await this.#ask("/v3/kv/deleterange", { key });
      else await this.#ask("/v3/kv/put", { key, value });
    }
    return keys.map(text);
  }

  /** Removes every Event: they would only grow in number from run to run. */
  async dropEvents(): Promise<void> {
    await this.#ask("/v3/kv/deleterange", { key: base64("/registry/events/"), range_end: base64("/registry/events0") });
  }

  async #ask<T>(path: string, body: object): Promise<T> {
    const answer = await fetch(this.#url + path, { method: "POST", body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`etcd ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }
}

const restless = [
  "/registry/events/",
  "/registry/masterleases/",
  "/registry/leases/kube-",
  "/registry/peerserverleases/",
];

function isRestless(key: string): boolean {
  return restless.some((prefix) => key.startsWith(prefix));
}

/** Who decides comes before what is decided on: nodes and sets first, so that no controller makes pods for the old ones. */
const order = ["/registry/cni-migrate.io/", "/registry/minions/", "/registry/daemonsets/", "/registry/replicasets/"];

function rank(key: string): number {
  const at = order.findIndex((prefix) => key.startsWith(prefix));
  return at < 0 ? order.length : at;
}

function base64(plain: string): string {
  return Buffer.from(plain).toString("base64");
}

function text(encoded: string): string {
  return Buffer.from(encoded, "base64").toString("utf8");
}
