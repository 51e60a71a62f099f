import { generateKeyPairSync, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";

/** Writes the token file of all users; gives their tokens by name. */
export function writeTokens(
  folder: string,
  users: Readonly<Record<string, readonly string[]>>,
): Record<string, string> {
  const all = Object.entries({ ...users, admin: ["system:masters"] });
  const tokens = Object.fromEntries(all.map(([name]) => [name, randomBytes(16).toString("hex")]));
  const lines = all.map(([name, groups]) => `${tokens[name]},${name},${name},"${groups.join(",")}"`);
  writeFileSync(join(folder, "tokens.csv"), `${lines.join("\n")}\n`, { mode: 0o600 });
  return tokens;
}

export function writeServiceAccountKey(folder: string): void {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ type: "sec1", format: "pem" });
  writeFileSync(join(folder, "service-account.key"), pem, { mode: 0o600 });
}

interface Access {
  url: string;
  ca: string;
  user: string;
  token: string;
  namespace?: string | undefined;
}

/** A kubeconfig (JSON is YAML) for one user and one cluster. */
export function writeKubeconfig(path: string, access: Access): string {
  const name = "api-test";
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [
      {
        name,
        cluster: { server: access.url, "certificate-authority-data": Buffer.from(access.ca).toString("base64") },
      },
    ],
    users: [{ name: access.user, user: { token: access.token } }],
    contexts: [{ name, context: { cluster: name, user: access.user, namespace: access.namespace ?? "default" } }],
  };
  writeFileSync(path, JSON.stringify(config, null, 2), { mode: 0o600 });
  return path;
}

/** One request with its own connection; throws for any answer that is not 2xx. */
export function requestJson<T>(ask: {
  url: string;
  ca: string;
  token: string;
  method: string;
  path: string;
  body?: unknown;
}): Promise<T> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${ask.token}`, "content-type": "application/json" };
    const call = request(
      `${ask.url}${ask.path}`,
      { method: ask.method, ca: ask.ca, headers, agent: false },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          if ((answer.statusCode ?? 0) >= 300)
            reject(new Error(`${ask.method} ${ask.path}: ${answer.statusCode} ${text}`));
          else resolve((answer.headers["content-type"]?.includes("json") ? JSON.parse(text) : text) as T);
        });
      },
    );
    call.on("error", reject);
    call.end(ask.body === undefined ? undefined : JSON.stringify(ask.body));
  });
}
