import { parseCidr } from "../../networks/cidr.ts";
import type { Exemption, Footprint, HostOp, VxlanMarks } from "../../networks/host-ops.ts";
import {
  type Check,
  type Field,
  integer,
  listOf,
  object,
  oneOf,
  optional,
  pattern,
  required,
  type Shape,
  shapeProblem,
  show,
  text,
} from "./checks.ts";
import { isRecord } from "./deps.ts";
import { type PathUse, pathProblem } from "./paths.ts";

const maxOps = 64;
const maxContentBytes = 64 * 1024;
const maxRoutes = 64;
const maxWays = 32;

const builtInChains = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"];
const foreign = {
  chain: { names: builtInChains, prefixes: ["KUBE-", "DOCKER"] },
  ipset: { names: [], prefixes: ["KUBE-"] },
  link: { names: ["lo"], prefixes: ["eth", "bond", "docker", "kube-"] },
  comment: { names: [], prefixes: ["kubernetes"] },
  bpfFilter: { names: [], prefixes: [] },
};
/** Every printable ASCII character but the asterisk. */
const printable = "\\x20-\\x29\\x2b-\\x7e";
/** Tables of iptables-nft and kube-proxy: shared, or not a network's. */
const foreignTables = ["filter", "nat", "mangle", "raw", "security", "kube-proxy"];
/** unspec, redirect, kernel, boot, static: anyone's routes; ra and dhcp: the node's own way out. */
const foreignProtocols = [0, 1, 2, 3, 4, 9, 16];

const path =
  (use: PathUse): Check =>
  (value) =>
    pathProblem(value, use);
const linkName = text(/^(?!\.{1,2}$)(?!-)[A-Za-z0-9_.-]{1,15}$/, "a link name");
const processName = text(/^[A-Za-z0-9_.-]{1,64}$/, "a process name");
const seconds = integer(1, 600);
const linkKind = oneOf("vxlan", "bridge", "veth");
const loopbackUrl = text(
  /^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\]):\d{1,5}\/[\w./?=&%-]*$/,
  "an http URL with a port on loopback",
);
const marks = object<VxlanMarks>({
  vni: required(integer(0, 0xff_ff_ff)),
  port: required(integer(1, 65_535)),
  mac: optional(text(/^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/, "a MAC address in lower case")),
});
const nftTable: Check = (value) => {
  const malformed = text(/^(ip|ip6|inet) [A-Za-z0-9_.-]{1,64}$/, "an nft family and table")(value);
  if (malformed !== undefined) return malformed;
  return foreignTables.includes(String(value).split(" ")[1] ?? "")
    ? `${show(value)} is not a network's own`
    : undefined;
};
const protocol: Check = (value) =>
  integer(0, 255)(value) ??
  (foreignProtocols.includes(Number(value)) ? `${show(value)} is a protocol of the node's own routes` : undefined);
/** Every table but those the kernel itself fills; the table local is one an agent may have moved the way to. */
const routingTable: Check = (value) =>
  integer(1, 0xff_ff_ff_ff)(value) ??
  ([253, 254].includes(Number(value)) ? `${show(value)} is a table of the node's own routes` : undefined);
const cidr: Check = (value) =>
  typeof value === "string" && parseCidr(value) !== undefined ? undefined : `${show(value)} is not a range`;
const way: Check = (value) => {
  const malformed = object<Exemption>({ from: required(cidr), to: required(cidr) })(value);
  if (malformed !== undefined) return malformed;
  const { from, to } = value as Exemption;
  return parseCidr(from)?.family === parseCidr(to)?.family
    ? undefined
    : `${from} and ${to} are of different address families`;
};
const content: Check = (value) =>
  typeof value === "string" && Buffer.byteLength(value) <= maxContentBytes
    ? undefined
    : "is not text of 64 KiB at most";

const footprint = object<Footprint>({
  network: required(text(/^[a-z0-9-]{1,32}$/, "a network")),
  links: required(
    listOf(
      object<Footprint["links"][number]>({
        name: required(pattern("A-Za-z0-9_.\\-", 15, foreign.link)),
        kind: required(linkKind),
      }),
    ),
  ),
  chains: required(listOf(pattern("A-Za-z0-9_.\\-", 28, foreign.chain))),
  comments: required(listOf(pattern(printable, 255, foreign.comment))),
  nftTables: required(listOf(nftTable)),
  ipsets: required(listOf(pattern("A-Za-z0-9_.:\\-", 31, foreign.ipset))),
  routeProtocols: required(listOf(protocol)),
  tunnelRoutes: required(
    listOf(
      object<Footprint["tunnelRoutes"][number]>({
        within: required(text(/^[0-9a-fA-F.:]{2,45}\/[0-9]{1,3}$/, "a range")),
        prefix: required(integer(1, 128)),
        straight: optional(oneOf(true)),
      }),
    ),
  ),
  policyRules: required(
    listOf(
      object<Footprint["policyRules"][number]>({
        // 0, 32766 and 32767 are the kernel's.
        preference: required(integer(1, 32_765)),
        table: required(routingTable),
      }),
    ),
  ),
  bpfFilters: required(listOf(pattern("A-Za-z0-9_.\\-", 64, foreign.bpfFilter))),
  files: required(listOf(path("removableFile"))),
  mounts: required(listOf(path("mount"))),
  directories: required(listOf(path("removableDirectory"))),
  filePrefixes: required(
    listOf(
      object<Footprint["filePrefixes"][number]>({
        dir: required(path("directory")),
        prefix: required(text(/^[A-Za-z0-9_.:-]{2,128}$/, "the start of a file name")),
      }),
    ),
  ),
});

/** Operation -> its fields. A field that is not here is refused. */
const shapes: { [K in HostOp["op"]]: Shape<Omit<Extract<HostOp, { op: K }>, "op">> } = {
  awaitProcessGone: { names: required(listOf(processName, 32, 1)), timeoutSeconds: required(seconds) },
  writeFile: { path: required(path("file")), content: required(content), mode: required(integer(0, 0o777)) },
  removeFile: { path: required(path("removableFile")) },
  renameVxlan: { from: required(linkName), to: required(linkName), marks: required(marks) },
  deleteLink: { name: required(linkName), kind: required(linkKind) },
  deleteRoutes: { protocol: required(protocol), blackholeOnly: required(oneOf(true, false)) },
  awaitHttp: {
    url: required(loopbackUrl),
    statuses: required(listOf(integer(100, 599), 32, 1)),
    timeoutSeconds: required(seconds),
  },
  awaitFile: {
    path: required(path("file")),
    timeoutSeconds: required(seconds),
    maxAgeSeconds: optional(integer(0, 86_400)),
  },
  awaitVxlan: { name: required(linkName), marks: required(marks), timeoutSeconds: required(seconds) },
  awaitRoutes: {
    device: required(linkName),
    destinations: required(listOf(text(/^[0-9a-fA-F.:]{2,45}\/[0-9]{1,3}$/, "a range"), maxRoutes, 1)),
    timeoutSeconds: required(seconds),
  },
  exempt: { ways: required(listOf(way, maxWays, 1)) },
  removeFootprint: { footprint: required(footprint) },
  scanFootprint: { footprint: required(footprint) },
  inspect: {
    cniConfDir: required(path("directory")),
    cniBinDir: required(path("directory")),
    subnetEnvPath: required(path("file")),
  },
};

/**
 * The strict reading of a host task's input: the operations, or one line that names the first entry that is wrong and
 * why. Then nothing at all is to be carried out.
 */
export function readOps(input: unknown): { ops: HostOp[] } | { problem: string } {
  if (!Array.isArray(input) || input.length === 0 || input.length > maxOps)
    return { problem: `operations are not a list of 1 to ${maxOps} entries` };
  for (const [index, entry] of input.entries()) {
    const problem = opProblem(entry);
    if (problem !== undefined) return { problem: `operation ${index + 1}${problem}` };
  }
  return { ops: input as HostOp[] };
}

function opProblem(entry: unknown): string | undefined {
  if (!isRecord(entry)) return ": is not an object";
  const { op, ...fields } = entry;
  if (typeof op !== "string" || !Object.hasOwn(shapes, op)) return `: ${show(op)} is not an operation`;
  const problem = shapeProblem(fields, shapes[op as HostOp["op"]] as Record<string, Field>);
  return problem === undefined ? undefined : ` (${op}): ${problem}`;
}
