import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBinaries } from "../lab/build.ts";
import { type Component, endComponents, startComponent } from "../lab/component.ts";
import { LabError } from "../lab/errors.ts";
import { poll } from "../lab/run.ts";
import { requestJson, writeKubeconfig, writeServiceAccountKey, writeTokens } from "./access.ts";

export interface ApiServerOptions {
  /** Users beside the administrator: name -> groups. `kubeconfigForUser` makes their kubeconfig. */
  users?: Readonly<Record<string, readonly string[]>>;
  /** More kube-apiserver flags; a repeated flag wins over ours. */
  args?: readonly string[];
  /** Also run kube-controller-manager: garbage collection, DaemonSets, Deployments, service account tokens, PDB status. */
  controllerManager?: boolean;
  /** Also run kube-scheduler. */
  scheduler?: boolean;
}

export interface ApiServer {
  /** Of the administrator (group system:masters). */
  kubeconfigPath: string;
  /** https://127.0.0.1:PORT */
  url: string;
  /** The administrator's bearer token. */
  token: string;
  /** PEM of the certificates to trust. */
  ca: string;
  /** Folder with one log file a component. */
  logs: string;
  /** http://127.0.0.1:PORT of its etcd. */
  etcdUrl: string;
  /** Kubeconfig of a user of `options.users`. */
  kubeconfigForUser(name: string, namespace?: string): string;
  /** Kubeconfig with a fresh token of a service account that exists. */
  kubeconfigForServiceAccount(namespace: string, name: string): Promise<string>;
  /** One JSON request as the administrator; throws for any answer that is not 2xx. */
  request<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** Ends all processes and removes the folder. */
  stop(): Promise<void>;
}

const readyTimeoutMs = 60_000;

/**
 * A real etcd and kube-apiserver of the lab's build on loopback ports, TLS and RBAC on, everything in a temporary
 * folder. The processes die with this one, whatever ends it.
 */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const names = ["etcd", "kube-apiserver", ...controllersOf(options)];
  const programs = await ensureBinaries(names);
  const folder = mkdtempSync(join(tmpdir(), "cni-migrate-api-"));
  const components: Component[] = [];
  const start = (name: string, args: readonly string[]) => {
    const component = startComponent(name, [programs[name] ?? name, ...args], join(folder, "logs", `${name}.log`));
    components.push(component);
    return component;
  };
  try {
    mkdirSync(join(folder, "logs"));
    const tokens = writeTokens(folder, options.users ?? {});
    writeServiceAccountKey(folder);
    const [etcdPort, peerPort, port] = await Promise.all([freePort(), freePort(), freePort()]);
    start("etcd", etcdArgs(folder, etcdPort, peerPort));
    const apiServer = start("kube-apiserver", [
      ...apiServerArgs(folder, etcdPort, port, options),
      ...(options.args ?? []),
    ]);
    const url = `https://127.0.0.1:${port}`;
    const token = tokens.admin ?? "";
    const ca = await untilReady(url, token, join(folder, "certs", "apiserver.crt"), apiServer);

    const kubeconfig = (user: string, userToken: string, namespace?: string) =>
      writeKubeconfig(join(folder, `${user}.kubeconfig`), { url, ca, user, token: userToken, namespace });
    const ask = <T>(method: string, path: string, body?: unknown) =>
      requestJson<T>({ url, ca, token, method, path, body });
    const kubeconfigPath = kubeconfig("admin", token);
    if (options.controllerManager) start("kube-controller-manager", controllerManagerArgs(folder, kubeconfigPath));
    if (options.scheduler) start("kube-scheduler", schedulerArgs(kubeconfigPath));
    return {
      kubeconfigPath,
      url,
      token,
      ca,
      logs: join(folder, "logs"),
      etcdUrl: `http://127.0.0.1:${etcdPort}`,
      kubeconfigForUser: (name, namespace) => kubeconfig(name, tokens[name] ?? unknownUser(name), namespace),
      kubeconfigForServiceAccount: async (namespace, name) => {
        const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
        const made = await ask<{ status: { token: string } }>("POST", path, {
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenRequest",
          spec: {},
        });
        return kubeconfig(`${namespace}.${name}`, made.status.token, namespace);
      },
      request: ask,
      stop: () => stop(folder, components),
    };
  } catch (error) {
    await stop(folder, components);
    throw error;
  }
}

async function stop(folder: string, components: Component[]): Promise<void> {
  // Those that write to the API go first, the store last.
  await endComponents(components.reverse());
  rmSync(folder, { recursive: true, force: true });
}

function controllersOf(options: ApiServerOptions): string[] {
  return [
    ...(options.controllerManager ? ["kube-controller-manager"] : []),
    ...(options.scheduler ? ["kube-scheduler"] : []),
  ];
}

function etcdArgs(folder: string, port: number, peerPort: number): string[] {
  const client = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  return [
    `--data-dir=${join(folder, "etcd")}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    "--unsafe-no-fsync",
  ];
}

function apiServerArgs(folder: string, etcdPort: number, port: number, options: ApiServerOptions): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${port}`,
    // Without a certificate of ours it makes its own there, and one to trust it by.
    `--cert-dir=${join(folder, "certs")}`,
    `--token-auth-file=${join(folder, "tokens.csv")}`,
    "--authorization-mode=RBAC",
    "--allow-privileged=true",
    "--service-cluster-ip-range=10.96.0.0/16",
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${join(folder, "service-account.key")}`,
    `--service-account-signing-key-file=${join(folder, "service-account.key")}`,
    // A loopback address is not allowed as an endpoint of the Service "kubernetes".
    "--endpoint-reconciler-type=none",
    // Nobody makes the default service accounts when the controllers do not run.
    ...(options.controllerManager ? [] : ["--disable-admission-plugins=ServiceAccount"]),
  ];
}

function controllerManagerArgs(folder: string, kubeconfig: string): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    "--bind-address=127.0.0.1",
    "--secure-port=0",
    "--leader-elect=false",
    "--use-service-account-credentials=true",
    `--service-account-private-key-file=${join(folder, "service-account.key")}`,
    `--root-ca-file=${join(folder, "certs", "apiserver.crt")}`,
  ];
}

function schedulerArgs(kubeconfig: string): string[] {
  return [`--kubeconfig=${kubeconfig}`, "--bind-address=127.0.0.1", "--secure-port=0", "--leader-elect=false"];
}

function unknownUser(name: string): never {
  throw new LabError(`no user ${name} in this API server: name it in the option users of startApiServer`);
}

/** Waits for /readyz; gives the certificates to trust. */
async function untilReady(url: string, token: string, certificate: string, apiServer: Component): Promise<string> {
  const ready = await poll(
    async () => {
      if (apiServer.ended())
        throw new LabError(`kube-apiserver ended at once: ${apiServer.lastWords()}`, { exitCode: 1 });
      try {
        const ca = readFileSync(certificate, "utf8");
        await requestJson({ url, ca, token, method: "GET", path: "/readyz" });
        return ca;
      } catch {
        return undefined;
      }
    },
    { timeoutMs: readyTimeoutMs, intervalMs: 50 },
  );
  if (ready === undefined) {
    throw new LabError(`kube-apiserver is not ready after ${readyTimeoutMs / 1000} s: ${apiServer.lastWords()}`, {
      exitCode: 1,
    });
  }
  return ready;
}

/** A loopback port nobody listens on at the moment. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
