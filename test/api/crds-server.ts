import { execFile } from "node:child_process";
import { request } from "node:https";
import { promisify } from "node:util";
import { crdObjects } from "../../crds/index.ts";
import { startApiServer } from "./server.ts";

export interface Answer {
  status: number;
  body: Record<string, unknown> & { message?: string; details?: { causes?: { field: string; message: string }[] } };
}

/** An API server that serves both kinds. */
export interface CrdServer {
  /** One request, whatever the answer. `type` is the media type of the body after "application/". */
  send(method: string, path: string, body?: unknown, type?: string): Promise<Answer>;
  /** The same; throws unless the answer is 2xx. */
  mustSend<T>(method: string, path: string, body?: unknown, type?: string): Promise<T>;
  /** What kubectl prints; throws with its error text unless it exits 0. */
  kubectl(...args: string[]): Promise<string>;
  /** What kubectl prints as a table: rows of cells. */
  rows(...args: string[]): Promise<string[][]>;
  stop(): Promise<void>;
}

const run = promisify(execFile);
const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const servedTimeoutMs = 20_000;

/** Starts one and waits until both kinds are served. */
export async function startCrdServer(): Promise<CrdServer> {
  const server = await startApiServer();
  const send: CrdServer["send"] = (method, path, body, type = "json") => ask(server, method, path, body, type);
  const mustSend = async <T>(method: string, path: string, body?: unknown, type?: string) => {
    const answer = await send(method, path, body, type);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body.message}`);
    return answer.body as T;
  };
  const kubectl = async (...args: string[]) => {
    return (await run("kubectl", ["--kubeconfig", server.kubeconfigPath, ...args])).stdout;
  };
  const rows = async (...args: string[]) => {
    const lines = (await kubectl(...args)).trimEnd().split("\n");
    return lines.map((line) => line.split(/ {2,}/));
  };
  try {
    for (const crd of crdObjects) await mustSend("POST", definitions, crd);
    for (const resource of ["cnimigrations", "nodemigrations"]) await served(send, resource);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { send, mustSend, kubectl, rows, stop: () => server.stop() };
}

async function served(send: CrdServer["send"], resource: string): Promise<void> {
  const until = Date.now() + servedTimeoutMs;
  while ((await send("GET", `/apis/cni-migrate.io/v1alpha1/${resource}`)).status !== 200) {
    if (Date.now() > until)
      throw new Error(`${resource} is not served ${servedTimeoutMs / 1000} s after its definition`);
  }
}

interface Access {
  url: string;
  ca: string;
  token: string;
}

function ask(server: Access, method: string, path: string, body: unknown, type: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${server.token}`, "content-type": `application/${type}` };
    const call = request(`${server.url}${path}`, { method, ca: server.ca, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        const json = answer.headers["content-type"]?.includes("json") === true;
        resolve({ status: answer.statusCode ?? 0, body: json ? JSON.parse(text) : { message: text } });
      });
    });
    call.on("error", reject);
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
