import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type ConnectionFlags, loadConnection, type Surroundings } from "./config.ts";
import { ConfigError } from "./connection.ts";
import { makeCertificate } from "./testing/certificates.ts";
import { FakeClock } from "./testing/fake-clock.ts";

let root: string;
let folder: string;
let file: string;
let certificate: ReturnType<typeof makeCertificate>;
let other: ReturnType<typeof makeCertificate>;
let clock: FakeClock;
let number = 0;

beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), "cni-migrate-config-"));
  certificate = makeCertificate(root, "me");
  other = makeCertificate(root, "other");
});

beforeEach(() => {
  folder = path.join(root, `case-${number++}`);
  mkdirSync(folder);
  file = path.join(folder, "config");
  clock = new FakeClock(Date.now());
});

afterAll(() => rmSync(root, { recursive: true }));

interface Parts {
  cluster?: object;
  user?: object;
  context?: object;
  current?: string;
}

function config({ cluster, user, context, current = "one" }: Parts = {}): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": current,
    clusters: [{ name: "c", cluster: { server: "https://10.0.0.1:6443", ...cluster } }],
    users: [{ name: "u", user: user ?? { token: "t" } }],
    contexts: [{ name: "one", context: { cluster: "c", user: "u", ...context } }],
  });
}

function load(flags: ConnectionFlags = {}, around: Partial<Surroundings> = {}) {
  return loadConnection(
    { kubeconfig: file, ...flags },
    { env: { PATH: process.env.PATH }, interactive: false, clock, ...around },
  );
}

/** The message of the ConfigError, which is one line. */
async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => new Error("it was accepted"),
    (e: unknown) => e,
  );
  if (!(error instanceof ConfigError)) throw error;
  expect(error.message).not.toContain("\n");
  return error.message.replaceAll(file, "FILE").replaceAll(folder, "DIR");
}

const headersOf = async (loaded: ReturnType<typeof load>) => (await (await loaded).credentials(false)).headers;

describe("a kubeconfig", () => {
  it("gives server, namespace and credentials of its current context", async () => {
    writeFileSync(file, config({ context: { namespace: "shop" } }));

    const connection = await load();

    expect(connection).toMatchObject({ servers: ["https://10.0.0.1:6443"], tls: {}, namespace: "shop" });
    expect(await connection.credentials(false)).toEqual({ headers: { authorization: "Bearer t" } });
  });

  it("is read as YAML, with paths relative to its own folder", async () => {
    writeFileSync(path.join(folder, "ca.crt"), certificate.cert);
    writeFileSync(path.join(folder, "token"), "from-file\n");
    writeFileSync(
      file,
      `# comment\ncurrent-context: one\nclusters:\n- {name: c, cluster: {server: "https://h:1/", certificate-authority: ca.crt, tls-server-name: x}}\nusers:\n- name: u\n  user: {tokenFile: token}\ncontexts:\n- {name: one, context: {cluster: c, user: u}}\n`,
    );

    const connection = await load();

    expect(connection.servers).toEqual(["https://h:1"]);
    expect(connection.tls).toEqual({ ca: certificate.cert, servername: "x" });
    expect((await connection.credentials(false)).headers).toEqual({ authorization: "Bearer from-file" });
  });

  it.each<[string, () => string | undefined, ConnectionFlags, string]>([
    ["a file that is missing", () => undefined, {}, "kubeconfig FILE does not exist; check --kubeconfig"],
    [
      "bad YAML",
      () => "a: [1\nb: 2",
      {},
      "kubeconfig FILE is not valid YAML (line 2, column 1); correct or recreate the file",
    ],
    [
      "another kind of file",
      () => "just text",
      {},
      "kubeconfig FILE is not a kubeconfig: no clusters, users and contexts in it",
    ],
    ["an empty file", () => "", {}, "kubeconfig FILE is empty: it names no cluster; give another one"],
    ["a list that is none", () => "clusters: 5", {}, "kubeconfig FILE: clusters is not a list"],
    ["an entry without a name", () => "users: [{user: {}}]", {}, "kubeconfig FILE: users[0] has no name"],
    [
      "no current-context",
      () => config({ current: "" }),
      {},
      "kubeconfig FILE sets no current-context; choose one with --context: one",
    ],
    [
      "a context that is missing",
      () => config(),
      { context: "two" },
      'kubeconfig FILE has no context "two"; it has one',
    ],
    [
      "a cluster that is missing",
      () => config({ context: { cluster: "d" } }),
      {},
      'kubeconfig FILE has no cluster "d"; correct the context or give --cluster',
    ],
    [
      "a user that is missing",
      () => config(),
      { user: "v" },
      'kubeconfig FILE has no user "v"; correct the context or give --user',
    ],
    [
      "no server",
      () => config({ cluster: { server: "" } }),
      {},
      'cluster "c" of kubeconfig FILE has no server; give --server',
    ],
    [
      "a server that is no URL",
      () => config({ cluster: { server: "ftp://x" } }),
      {},
      'server "ftp://x" is not a URL such as https://host:6443; correct cluster "c" of kubeconfig FILE or --server',
    ],
    [
      "an authority that is missing",
      () => config({ cluster: { "certificate-authority": "no.crt" } }),
      {},
      'certificate-authority of cluster "c" of kubeconfig FILE: DIR/no.crt cannot be read (ENOENT); check the path',
    ],
    [
      "an authority that is none",
      () => config({ cluster: { "certificate-authority-data": "eA==" } }),
      {},
      'certificate-authority of cluster "c" of kubeconfig FILE: not a certificate in PEM form',
    ],
    [
      "a SOCKS proxy",
      () => config({ cluster: { "proxy-url": "socks5://p" } }),
      {},
      'proxy-url of cluster "c" of kubeconfig FILE: proxies of the kind socks5:// are not supported; give http://host:port',
    ],
    [
      "a provider of former times",
      () => config({ user: { "auth-provider": { name: "gcp" } } }),
      {},
      'user "u" of kubeconfig FILE: auth-provider "gcp" is no longer part of Kubernetes; use an exec plugin',
    ],
    [
      "groups without a user to be",
      () => config(),
      { asGroup: ["g"] },
      'user "u" of kubeconfig FILE: --as-group and --as-uid need --as',
    ],
    [
      "a bad time",
      () => config(),
      { requestTimeout: "soon" },
      '--request-timeout "soon" is not a duration such as 30s or 2m',
    ],
  ])("with %s is refused in one line", async (_, content, flags, message) => {
    const text = content();
    if (text !== undefined) writeFileSync(file, text);

    expect(await refusal(load(flags))).toBe(message);
  });

  it("names three contexts at most", async () => {
    const contexts = ["d", "b", "a", "c"].map((name) => ({ name, context: {} }));
    writeFileSync(file, JSON.stringify({ contexts }));

    expect(await refusal(load())).toBe(
      "kubeconfig FILE sets no current-context; choose one with --context: a, b, c and 1 more",
    );
  });

  it("that is unreadable says so", async () => {
    expect(await refusal(load({ kubeconfig: folder }))).toBe(
      "kubeconfig DIR cannot be read (EISDIR); check its permissions",
    );
  });
});

describe("where it is looked for", () => {
  it("is KUBECONFIG: several files are one, the first to say something wins, missing ones do not count", async () => {
    const second = path.join(folder, "second");
    writeFileSync(file, JSON.stringify({ clusters: [{ name: "c", cluster: { server: "https://first" } }] }));
    writeFileSync(second, config());
    const KUBECONFIG = [path.join(folder, "missing"), file, second].join(path.delimiter);

    const connection = await loadConnection({}, { env: { KUBECONFIG }, interactive: false, clock });

    expect(connection.servers).toEqual(["https://first"]);
  });

  it("is ~/.kube/config without KUBECONFIG", async () => {
    mkdirSync(path.join(folder, ".kube"));
    writeFileSync(path.join(folder, ".kube/config"), config());

    expect((await loadConnection({}, { env: { HOME: folder }, interactive: false, clock })).servers).toHaveLength(1);
  });

  it.each([
    ["/dev/null", { KUBECONFIG: "/dev/null" }, "kubeconfig /dev/null is empty: it names no cluster; give another one"],
    [
      "files that are missing",
      { KUBECONFIG: "/none" },
      "kubeconfig /none does not exist; check the environment variable KUBECONFIG",
    ],
    ["nowhere", { HOME: "/none" }, "there is no kubeconfig; set KUBECONFIG or give --kubeconfig"],
  ])("and found to be %s is refused", async (_, env, message) => {
    expect(await refusal(loadConnection({}, { env, interactive: false, clock }))).toBe(message);
  });

  it("is the ServiceAccount in a pod without one", async () => {
    const env = { HOME: "/none", KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" };

    expect(await refusal(loadConnection({}, { env, interactive: false, clock }))).toContain("serviceaccount/ca.crt");
  });
});

describe("flags", () => {
  it("win over the file", async () => {
    writeFileSync(file, config({ user: { exec: { command: "never" }, username: "x" } }));

    const connection = await load({
      server: "other:443",
      namespace: "n",
      token: "flag",
      requestTimeout: "5s",
      insecureSkipTlsVerify: true,
    });

    expect(connection).toMatchObject({
      servers: ["https://other:443"],
      namespace: "n",
      timeoutSeconds: 5,
      tls: { insecure: true },
    });
    expect((await connection.credentials(false)).headers).toEqual({ authorization: "Bearer flag" });
  });

  it("are enough without a file", async () => {
    const around = { env: { HOME: "/none" }, interactive: false, clock };

    const connection = await loadConnection(
      { server: "https://h:1", certificateAuthority: certificate.files.cert },
      around,
    );

    expect(connection).toMatchObject({ servers: ["https://h:1"], tls: { ca: certificate.cert }, namespace: "default" });
  });

  it("make somebody else of us", async () => {
    writeFileSync(file, config({ user: { token: "t", "as-user-extra": { "a/b": ["x"] } } }));

    expect(await headersOf(load({ as: "jane", asGroup: ["a", "b"], asUid: "7" }))).toEqual({
      authorization: "Bearer t",
      "impersonate-user": "jane",
      "impersonate-uid": "7",
      "impersonate-group": ["a", "b"],
      "impersonate-extra-a%2Fb": ["x"],
    });
  });

  it("and the environment choose the proxy, the file's own first", async () => {
    const env = { HTTPS_PROXY: "http://env:1" };
    const url = new URL("https://10.0.0.1:6443");
    writeFileSync(file, config());
    expect((await load({}, { env })).proxyFor?.(url)?.host).toBe("env:1");

    writeFileSync(file, config({ cluster: { "proxy-url": "http://file:2" } }));
    expect((await load({}, { env })).proxyFor?.(url)?.host).toBe("file:2");
  });
});

describe("a client certificate", () => {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const pair = (cert: string, key?: string) => ({
    user: { "client-certificate-data": base64(cert), ...(key === undefined ? {} : { "client-key-data": base64(key) }) },
  });

  it("is given with its key", async () => {
    writeFileSync(file, config(pair(certificate.cert, certificate.key)));

    expect(await (await load()).credentials(false)).toEqual({
      headers: {},
      cert: certificate.cert,
      key: certificate.key,
    });
  });

  it.each([
    ["without a key", () => pair(certificate.cert), "the key of the client certificate is missing"],
    [
      "with another's key",
      () => pair(certificate.cert, other.key),
      "the client key does not belong to the client certificate",
    ],
    ["with a key that is none", () => pair(certificate.cert, "x"), "the client key is not a private key in PEM form"],
    ["that is none", () => pair("x", certificate.key), "not a certificate in PEM form"],
  ])("%s is refused", async (_, parts, message) => {
    writeFileSync(file, config(parts()));

    expect(await refusal(load())).toBe(`user "u" of kubeconfig FILE: ${message}`);
  });

  it("that has expired is refused with the day", async () => {
    writeFileSync(file, config(pair(certificate.cert, certificate.key)));
    clock.freeze(3 * 86_400);

    expect(await refusal(load())).toMatch(
      /^user "u" of kubeconfig FILE: the client certificate expired on \d{4}-\d\d-\d\d; renew it or get a new kubeconfig$/,
    );
  });
});

describe("credentials", () => {
  it("from a token file are read again after a minute and after a 401", async () => {
    const token = path.join(folder, "token");
    writeFileSync(token, "one");
    writeFileSync(file, config({ user: { tokenFile: token } }));
    const { credentials } = await load();
    const read = async (refresh: boolean) => (await credentials(refresh)).headers.authorization;
    expect(await read(false)).toBe("Bearer one");

    writeFileSync(token, "two");

    expect(await read(false)).toBe("Bearer one");
    clock.freeze(61);
    expect(await read(false)).toBe("Bearer two");
    writeFileSync(token, "three");
    expect(await read(true)).toBe("Bearer three");
  });

  it("by name and password are sent as such", async () => {
    writeFileSync(file, config({ user: { username: "me", password: "pw" } }));

    expect(await headersOf(load())).toEqual({ authorization: `Basic ${Buffer.from("me:pw").toString("base64")}` });
  });

  it("of OIDC are the id-token while it is good, and asked for anew by a person when it is not", async () => {
    const token = (exp: number) =>
      `${["{}", JSON.stringify({ exp })].map((p) => Buffer.from(p).toString("base64url")).join(".")}.s`;
    const user = (exp: number) => ({ user: { "auth-provider": { name: "oidc", config: { "id-token": token(exp) } } } });
    const good = Math.floor(Date.now() / 1000) + 3600;
    writeFileSync(file, config(user(good)));
    expect(await headersOf(load())).toEqual({ authorization: `Bearer ${token(good)}` });

    writeFileSync(file, config(user(1000)));
    expect(await refusal(headersOf(load()))).toBe(
      'user "u" of kubeconfig FILE: the OIDC token has expired; log in again',
    );
  });
});

describe("an exec plugin", () => {
  const apiVersion = "client.authentication.k8s.io/v1";

  /** A plugin that leaves what it was given in `seen` and prints `output`. */
  function plugin(output: string, exit = 0): { command: string; seen: string } {
    const [command, seen] = [path.join(folder, "plugin"), path.join(folder, "seen")];
    writeFileSync(
      command,
      `#!/bin/sh\nprintf '%s|%s|%s\\n' "$KUBERNETES_EXEC_INFO" "$FOO" "$*" >> ${seen}\ncat <<'END'\n${output}\nEND\nexit ${exit}\n`,
    );
    chmodSync(command, 0o755);
    return { command, seen };
  }

  const credential = (status: object) => JSON.stringify({ apiVersion, kind: "ExecCredential", status });
  const user = (exec: object) => ({ user: { exec: { apiVersion, interactiveMode: "Never", ...exec } } });

  it("is told of the cluster, run once, and its token kept until shortly before its end", async () => {
    const end = new Date(clock.nowMs() + 600_000).toISOString();
    const { seen } = plugin(credential({ token: "exec-token", expirationTimestamp: end }));
    const exec = {
      command: "./plugin",
      args: ["a", "b"],
      env: [{ name: "FOO", value: "bar" }],
      provideClusterInfo: true,
    };
    const cluster = { "certificate-authority-data": Buffer.from(certificate.cert).toString("base64") };
    writeFileSync(file, config({ ...user(exec), cluster }));
    const connection = await load();
    expect(existsSync(seen)).toBe(false);

    const [first, second] = await Promise.all([connection.credentials(false), connection.credentials(false)]);

    expect([first.headers, second.headers]).toEqual([
      { authorization: "Bearer exec-token" },
      { authorization: "Bearer exec-token" },
    ]);
    const [info = "", foo, args] = readFileSync(seen, "utf8").trim().split("|");
    expect(JSON.parse(info)).toEqual({
      kind: "ExecCredential",
      apiVersion,
      spec: {
        interactive: false,
        cluster: {
          server: "https://10.0.0.1:6443",
          "certificate-authority-data": cluster["certificate-authority-data"],
        },
      },
    });
    expect([foo, args]).toEqual(["bar", "a b"]);
    const runs = () => readFileSync(seen, "utf8").trim().split("\n").length;
    expect(runs()).toBe(1);
    clock.freeze(560);
    await connection.credentials(false);
    expect(runs()).toBe(1);
    clock.freeze(15);
    await connection.credentials(false);
    expect(runs()).toBe(2);
    await connection.credentials(true);
    expect(runs()).toBe(3);
  });

  it("may give a client certificate", async () => {
    const status = { clientCertificateData: certificate.cert, clientKeyData: certificate.key };
    writeFileSync(file, config(user({ command: plugin(credential(status)).command })));

    expect(await (await load()).credentials(false)).toEqual({
      headers: {},
      cert: certificate.cert,
      key: certificate.key,
    });
  });

  it.each<[string, () => object, string]>([
    [
      "is not installed",
      () => ({ command: "no-such-plugin", installHint: "get it\nfrom example.com" }),
      "exec plugin no-such-plugin is not installed: get it from example.com",
    ],
    [
      "fails",
      () => plugin("secret", 3),
      "exec plugin DIR/plugin failed (exit code 3); log in again or see its own message",
    ],
    ["prints something else", () => plugin("secret"), "exec plugin DIR/plugin did not print an ExecCredential"],
    [
      "gives nothing",
      () => plugin(credential({})),
      "exec plugin DIR/plugin gave neither a token nor a client certificate",
    ],
    [
      "speaks another version",
      () => ({ ...plugin(credential({ token: "secret" })), apiVersion: "client.authentication.k8s.io/v1beta1" }),
      'exec plugin DIR/plugin answered in apiVersion "client.authentication.k8s.io/v1", not "client.authentication.k8s.io/v1beta1"',
    ],
    [
      "is of a version nobody knows",
      () => ({ command: "x", apiVersion: "v1alpha1" }),
      'exec apiVersion "v1alpha1" is not supported; update the kubeconfig (client.authentication.k8s.io/v1)',
    ],
    [
      "needs a terminal",
      () => ({ command: "x", interactiveMode: "Always" }),
      "exec plugin x needs a terminal; run it from one",
    ],
    ["has no command", () => ({}), "exec names no command"],
  ])("that %s is reported in one line", async (_, exec, message) => {
    writeFileSync(file, config(user(exec())));

    const text = await refusal(headersOf(load()));

    expect(text).toBe(`user "u" of kubeconfig FILE: ${message}`);
    expect(text).not.toContain("secret");
  });
});
