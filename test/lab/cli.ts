import { spawn } from "node:child_process";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { type LabNetwork, labNetworks } from "./binaries.ts";
import { describeLab, planLab, startCluster } from "./cluster.ts";
import { LabError, seconds, toStderr } from "./errors.ts";
import { findLab } from "./index.ts";
import { enterNode } from "./node.ts";
import { requireRoot } from "./preflight.ts";
import { kubeconfigPath, type LabCondition, labCondition, labNames } from "./state.ts";
import { removeLab } from "./teardown.ts";
import { checkLabName, defaultLabName, defaultPodCidr } from "./topology.ts";

interface UpFlags {
  name: string;
  nodes: number;
  network: LabNetwork;
  ready: LabNetwork[] | undefined;
  podCidr: string;
  dualStack: boolean | undefined;
  networkCidr: string | undefined;
  nodeCidrs: boolean;
}

const nameOption = () => new Option("--name <lab>", "which lab, when there are several").default(defaultLabName);
const networks = labNetworks.filter((network) => network !== "cilium");

function program(): Command {
  const lab = new Command("lab").description(
    "a real Kubernetes cluster on this machine, each node in namespaces of its own",
  );
  lab
    .command("up")
    .description("build what is missing and start a cluster")
    .option("--nodes <count>", "how many; n1 is the control plane", parseCount, 3)
    .addOption(new Option("--network <network>", "what it starts with").choices(networks).default("flannel"))
    .addOption(
      new Option("--ready <networks...>", "whose images the nodes have too (default: flannel calico)").choices(
        labNetworks,
      ),
    )
    .option("--pod-cidr <cidr>", "the cluster's pod network, or an IPv4 and an IPv6 one: A,B", defaultPodCidr)
    .option("--dual-stack", "IPv4 and IPv6, with a default IPv6 network where --pod-cidr has none")
    .option("--network-cidr <cidr>", "the network's own range, where that is not the cluster's: Calico's pool")
    .option("--no-node-cidrs", "nodes get no podCIDRs")
    .addOption(nameOption())
    .action(up);
  lab.command("down").description("end it and remove all it made").addOption(nameOption()).action(down);
  lab.command("status").description("what runs and what does not").addOption(nameOption()).action(status);
  lab
    .command("shell")
    .description("a shell in a node, or a command: lab shell n1 -- ip route")
    .argument("<node>")
    .argument("[command...]")
    .addOption(nameOption())
    .action(shell);
  lab.command("kubeconfig").description("print the path of its kubeconfig").addOption(nameOption()).action(kubeconfig);
  return strict(lab);
}

/** Bad usage is one line and exit code 2, for every verb. */
function strict(command: Command): Command {
  command.exitOverride().showHelpAfterError(false).allowExcessArguments(false);
  for (const verb of command.commands) verb.exitOverride().showHelpAfterError(false).allowExcessArguments(false);
  return command;
}

function parseCount(text: string): number {
  if (!/^[0-9]+$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

async function up(flags: UpFlags): Promise<void> {
  const plan = planLab(flags);
  const condition = labCondition(plan.name);
  if (condition.is === "up") {
    const { state } = condition;
    const same =
      state.nodes.length === plan.nodes.length && state.network === plan.network && state.podCidr === plan.podCidr;
    const found = `lab ${plan.name} is up already`;
    if (!same) throw new LabError(`${found}, with other options: ${describeLab(state)}; take it down first`);
    process.stdout.write(`${found}: ${describeLab(state)}\n`);
    return;
  }
  await undoneOnSignal(plan.name, async () => {
    const state = await startCluster(plan, toStderr);
    process.stdout.write(`export KUBECONFIG=${kubeconfigPath(state.name)}\n`);
  });
}

/** Runs `work`; an interruption in the middle takes down what this process made so far, and nobody else's lab. */
async function undoneOnSignal(name: string, work: () => Promise<void>): Promise<void> {
  let interrupted = false;
  const undo = async () => {
    interrupted = true;
    const condition = labCondition(name);
    if (condition.is === "starting" && condition.state.starter?.pid === process.pid) {
      process.stderr.write(`interrupted: taking lab ${name} down\n`);
      await removeLab(name);
    }
    process.exit(130);
  };
  process.once("SIGINT", undo).once("SIGTERM", undo);
  try {
    await work();
  } catch (error) {
    // What fails now fails because its processes were interrupted too, or its lab is being removed.
    if (!interrupted) throw error;
  } finally {
    if (!interrupted) process.removeListener("SIGINT", undo).removeListener("SIGTERM", undo);
  }
}

async function down(flags: { name: string }): Promise<void> {
  const name = checkLabName(flags.name);
  requireRoot("down");
  const was = labCondition(name).is;
  const start = performance.now();
  await removeLab(name);
  process.stdout.write(was === "none" ? `lab ${name} is not up\n` : `lab ${name} is down, after ${seconds(start)}\n`);
}

/** Exit code 0 when it is up, 1 otherwise. */
async function status(flags: { name: string }): Promise<void> {
  const name = checkLabName(flags.name);
  const condition = labCondition(name);
  process.exitCode = condition.is === "up" ? 0 : 1;
  process.stdout.write(`lab ${name} ${statusText(name, condition)}\n`);
  if (condition.is !== "up" || process.getuid?.() !== 0) return;
  const lab = await findLab(name);
  const nodes = await lab?.kubectl(["get", "nodes", "-o", "wide"]);
  if (nodes?.code !== 0) process.exitCode = 1;
  process.stdout.write(nodes?.code === 0 ? nodes.stdout : `its API server does not answer: ${nodes?.stderr}`);
}

function statusText(name: string, condition: LabCondition): string {
  if (condition.is === "none") return `is not up${otherLabs(name)}`;
  if (condition.is === "starting") return `is being started by process ${condition.state.starter?.pid}`;
  if (condition.is === "up") return `is up: ${describeLab(condition.state)}`;
  return `is broken, gone: ${condition.missing.join(", ")}; "lab up" starts it anew, "lab down" clears it`;
}

function otherLabs(name: string): string {
  const others = labNames().filter((other) => other !== name);
  return others.length === 0 ? "" : ` (there is: ${others.join(", ")})`;
}

async function shell(node: string, command: string[], flags: { name: string }): Promise<void> {
  requireRoot("shell");
  const condition = labCondition(checkLabName(flags.name));
  if (condition.is !== "up" && condition.is !== "broken") throw notUp(flags.name);
  const { state } = condition;
  const found = state?.nodes.find(({ name }) => name === node);
  if (state === undefined || found === undefined) {
    throw new LabError(
      `lab ${flags.name} has no node ${node}: it has ${state?.nodes.map(({ name }) => name).join(", ")}`,
    );
  }
  const [file = "", ...args] = enterNode(state, found, command.length > 0 ? command : ["bash"]);
  const child = spawn(file, args, { stdio: "inherit" });
  process.exitCode = await new Promise<number>((resolve) => child.on("close", (code) => resolve(code ?? 1)));
}

async function kubeconfig(flags: { name: string }): Promise<void> {
  const lab = await findLab(flags.name);
  if (lab === undefined) throw notUp(flags.name);
  process.stdout.write(`${lab.kubeconfigPath}\n`);
}

function notUp(name: string): LabError {
  return new LabError(`lab ${name} is not up: start it with npm run lab -- up`);
}

try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has printed its line already; asking for help is no error.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof LabError) {
    process.stderr.write(`error: ${error.message}\n`);
    process.exitCode = error.exitCode;
  } else throw error;
}
