import { LabError } from "./errors.ts";
import { endAll, identify, type ProcessRecord } from "./processes.ts";
import { must, run } from "./run.ts";
import {
  hubAddress,
  hubAddress6,
  hubNetns,
  type LabNode,
  netnsPrefix,
  nodeNetns,
  nodePrefixLength,
  nodePrefixLength6,
} from "./topology.ts";

/** Makes the hub: a namespace with the bridge that all nodes hang on. */
export async function addHub(lab: string): Promise<void> {
  const hub = hubNetns(lab);
  await must(["ip", "netns", "add", hub]);
  await batch(hub, [
    "link set lo up",
    "link add br0 type bridge",
    `addr add ${hubAddress}/${nodePrefixLength} dev br0`,
    `addr add ${hubAddress6}/${nodePrefixLength6} dev br0 nodad`,
    "link set br0 up",
  ]);
}

/** Makes a node's namespace, wired to the hub: eth0 with the node's address, default route to the hub. */
export async function addNodeNetns(lab: string, node: LabNode): Promise<void> {
  const [hub, own] = [hubNetns(lab), nodeNetns(lab, node.name)];
  await must(["ip", "netns", "add", own]);
  await batch(hub, [
    `link add to-${node.name} type veth peer name eth0 address ${hardwareAddress(node)} netns ${own}`,
    `link set to-${node.name} master br0 up`,
  ]);
  await batch(own, [
    "link set lo up",
    `addr add ${node.address}/${nodePrefixLength} dev eth0`,
    "link set eth0 up",
    `route add default via ${hubAddress}`,
    ...(node.address6 === undefined
      ? []
      : [
          // The address is nobody else's: without the check it can be used at once.
          `addr add ${node.address6}/${nodePrefixLength6} dev eth0 nodad`,
          `route add ::/0 via ${hubAddress6}`,
        ]),
  ]);
}

/** Takes a node off the hub and removes its namespace. */
export async function deleteNodeNetns(lab: string, node: LabNode): Promise<void> {
  // The kernel removes the pair only some time after the namespace: too late for one that comes back at once.
  await run(["ip", "-n", hubNetns(lab), "link", "del", `to-${node.name}`]);
  await deleteNetns(nodeNetns(lab, node.name));
}

/** The same after a reboot, as a machine's is: neighbours keep it for up to a minute. Made of the node's address. */
export function hardwareAddress(node: LabNode): string {
  const bytes = [0x02, 0x00, ...node.address.split(".").map(Number)];
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

async function batch(netns: string, lines: readonly string[]): Promise<void> {
  const result = await run(["ip", "-n", netns, "-batch", "-"], { input: `${lines.join("\n")}\n` });
  if (result.code === 0) return;
  throw new LabError(`ip in ${netns} failed: ${result.stderr.split("\n")[0]}`, { exitCode: 1 });
}

/** Names of a lab's namespaces that exist, whatever its records say. */
export async function netnsOfLab(lab: string): Promise<string[]> {
  const { stdout } = await run(["ip", "netns", "list"]);
  const names = stdout.split("\n").map((line) => line.split(" ")[0] ?? "");
  return names.filter((name) => name.startsWith(netnsPrefix(lab)));
}

/** Ends what runs in a namespace and removes it; links in it go with it. */
export async function deleteNetns(name: string): Promise<void> {
  await endAll(await processesIn(name));
  await run(["ip", "netns", "del", name]);
}

/** Processes whose network is this namespace, as the kernel knows them. */
async function processesIn(netns: string): Promise<ProcessRecord[]> {
  const { stdout } = await run(["ip", "netns", "pids", netns]);
  const pids = stdout.split("\n").filter(Boolean).map(Number);
  return pids.flatMap((pid) => identify(pid) ?? []);
}
