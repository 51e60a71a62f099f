import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";

/** A self-signed certificate for 127.0.0.1 and its key, made by openssl (which is on every Debian). Good for a day. */
export function makeCertificate(
  folder: string,
  name: string,
  host = "IP:127.0.0.1",
): { cert: string; key: string; files: { cert: string; key: string } } {
  const files = { cert: path.join(folder, `${name}.crt`), key: path.join(folder, `${name}.key`) };
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const out = ["-keyout", files.key, "-out", files.cert];
  const subject = ["-subj", `/CN=${name}`, "-days", "1", "-addext", `subjectAltName=${host}`];
  execFileSync("openssl", ["req", "-x509", ...curve, ...out, ...subject], { stdio: "pipe" });
  return { cert: readFileSync(files.cert, "utf8"), key: readFileSync(files.key, "utf8"), files };
}
