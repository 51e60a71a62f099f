import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { ConfigError } from "./connection.ts";

/** PEM text from a member and its "-data" twin (base64), which wins. Undefined when neither is set. */
export async function readPem(
  data: string | undefined,
  file: string | undefined,
  where: string,
): Promise<string | undefined> {
  if (data) return Buffer.from(data, "base64").toString("utf8");
  if (!file) return undefined;
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new ConfigError(`${where}: ${file} cannot be read (${code}); check the path`);
  }
}

/** Throws `ConfigError` unless `pem` begins with a certificate. */
export function checkAuthority(pem: string, where: string): void {
  certificate(pem, where);
}

/** Throws `ConfigError` when certificate and key cannot be used now: unreadable, expired, not belonging together. */
export function checkClientCertificate(cert: string, key: string | undefined, where: string, now: Date): void {
  const parsed = certificate(cert, where);
  const end = new Date(parsed.validTo);
  if (end < now)
    throw new ConfigError(`${where}: the client certificate expired on ${day(end)}; renew it or get a new kubeconfig`);
  if (key === undefined) throw new ConfigError(`${where}: the key of the client certificate is missing`);
  let matches: boolean;
  try {
    matches = parsed.checkPrivateKey(createPrivateKey(key));
  } catch {
    throw new ConfigError(`${where}: the client key is not a private key in PEM form`);
  }
  if (!matches) throw new ConfigError(`${where}: the client key does not belong to the client certificate`);
}

function certificate(pem: string, where: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new ConfigError(`${where}: not a certificate in PEM form`);
  }
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
