import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Pod } from "../../kube/objects.ts";
import type { Lab } from "./index.ts";
import { podNetns } from "./pod-netns.ts";
import { getJson } from "./product.ts";
import { run } from "./run.ts";

const script = fileURLToPath(new URL("./probes/address.mjs", import.meta.url));
const port = "7007";

interface Place {
  name: string;
  ip: string;
  /** Command words that run a program in the pod's network. */
  enter: string[];
}

export interface AddressReport {
  /** Pairs of pods of different nodes, each way. */
  tried: number;
  /** "n2 10.245.1.7 -> n1 10.244.0.4: seen as 172.30.0.12". */
  rewritten: string[];
}

/** Whether pods of the workload that are on different nodes see each other under their own addresses, each way. */
export async function seenAddresses(lab: Lab): Promise<AddressReport> {
  const places = await placesOf(lab);
  const servers = await Promise.all(places.map(serve));
  try {
    const pairs = places.flatMap((from) => places.filter((to) => to !== from).map((to) => ({ from, to })));
    const rewritten: string[] = [];
    for (const { from, to } of pairs) {
      const { stdout } = await run([...from.enter, process.execPath, script, "ask", to.ip, port]);
      if (stdout !== from.ip) rewritten.push(`${from.name} ${from.ip} -> ${to.name} ${to.ip}: seen as ${stdout}`);
    }
    return { tried: pairs.length, rewritten };
  } finally {
    for (const server of servers) server.kill("SIGKILL");
  }
}

async function placesOf(lab: Lab): Promise<Place[]> {
  const { items } = await getJson<{ items: Pod[] }>(lab, ["pods", "-n", "default", "-l", "app=echo"]);
  const running = items.filter((pod) => pod.status?.phase === "Running" && !pod.metadata.deletionTimestamp);
  const places = await Promise.all(
    running.map(async ({ spec, status }) => {
      const [name, ip] = [spec.nodeName ?? "", status?.podIP ?? ""];
      const netns = await podNetns(lab, name, ip);
      return netns === undefined ? [] : [{ name, ip, enter: ["nsenter", `--net=${netns}`] }];
    }),
  );
  return places.flat();
}

async function serve({ enter: [file = "", ...args] }: Place): Promise<ChildProcess> {
  const child = spawn(file, [...args, process.execPath, script, "serve", port], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.once("exit", () => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}
