import { roleLabel, systemNamespace } from "../../crds/names.ts";
import { isApiError } from "../../kube/errors.ts";
import type { DaemonSet, Node, Pod } from "../../kube/objects.ts";
import { pods } from "../../kube/resources.ts";
import { networkById } from "../../networks/index.ts";
import { isReady } from "../../networks/nodes.ts";
import { shortHash } from "../hash.ts";
import { imagesOf, isNamedBy, usesPullSecrets, type WantedImage } from "../images/names.ts";
import { type ImageState, imagePod, imageRole, readImagePod } from "../images/pod.ts";
import { selectedNodes } from "../plan.ts";
import { isOwnedBy, notOurs, ownerOf, removePod, taskPodName } from "../tasks.ts";
import { type MigrationContext, next, type Phase, type PhaseResult } from "./phase.ts";
import { isPrepared } from "./places.ts";
import { conditionsWith } from "./prepare.ts";

/** Seconds until a node that could not get an image is asked anew; its kubelet would wait longer and longer. */
const askAgainSeconds = 30;

/** Seconds a node may take to pull the images. */
const pullSeconds = 600;

/** Nodes that pull at a time, so that a registry is not asked by all of a large cluster at once. */
const nodesAtOnce = 50;

/** What one node made of the images it did not name itself. */
interface Asked {
  node: Node;
  pod: Pod | undefined;
  states: readonly ImageState[];
}

/**
 * Before anything is changed: every Ready node that takes part has the images of the target's agent, or can pull them. A node
 * that does not name them is asked by a pod that has them pulled and starts nothing. The pods are the proof, and stay until
 * the cluster is prepared.
 */
export const imagesPhase: Phase = {
  name: "Images",
  async run(context) {
    if (isPrepared(context.migration)) {
      await removeOthers(context, []);
      return next;
    }
    const agents = agentsOf(context);
    if (usesPullSecrets(agents)) {
      const which = agents.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).join(", ");
      return pass(
        context,
        `images of DaemonSet ${which} were not looked for: they are pulled with secrets of its namespace`,
      );
    }
    const images = imagesOf(agents);
    const nodes = selectedNodes(context.migration, context.nodes)
      .filter(isReady)
      .filter((node) => images.some((image) => !isNamedBy(node, image)));
    return judge(context, await askAll(context, nodes, images));
  },
};

function agentsOf({ migration, scope }: MigrationContext): DaemonSet[] {
  const { namespace, daemonSets } = migration.status?.facts?.targetAgent ?? { namespace: "", daemonSets: [] };
  return daemonSets.flatMap((name) => scope.stores.daemonSets.get({ namespace, name }) ?? []);
}

/** Makes sure that each of these nodes is asked, and gives what they say. Pods of an earlier question go. */
async function askAll(
  context: MigrationContext,
  nodes: readonly Node[],
  images: readonly WantedImage[],
): Promise<Asked[]> {
  const names = nodes.map((node) => podName(context, node, images));
  await removeOthers(context, names);
  const asked = nodes.map((node, i): Asked => {
    const pod = ourPod(context, names[i] ?? "");
    const states = pod === undefined || isLeaving(pod) ? images.map(waiting) : readImagePod(pod);
    return { node, pod, states: states.filter((_, at) => !isNamedBy(node, images[at] ?? { image: "" })) };
  });
  const pulling = asked.filter(({ pod, states }) => pod !== undefined && states.some((s) => s.state === "waiting"));
  const due = asked.filter(({ pod }) => pod === undefined).slice(0, Math.max(0, nodesAtOnce - pulling.length));
  await Promise.all(due.map(({ node }) => ask(context, node, images)));
  return asked;
}

/** Another node by the name, or other images, is another question. */
function podName({ migration }: MigrationContext, { metadata }: Node, images: readonly WantedImage[]): string {
  const attempt = `${metadata.uid} ${shortHash(JSON.stringify(images))}`;
  return taskPodName({ task: "images", nodeName: metadata.name, attempt, owner: ownerOf(migration) });
}

function ourPod({ migration, scope }: MigrationContext, name: string): Pod | undefined {
  const pod = scope.stores.pods.get({ name, namespace: systemNamespace });
  if (pod !== undefined && !isOwnedBy(pod, ownerOf(migration))) throw notOurs(name);
  return pod;
}

async function ask(context: MigrationContext, node: Node, images: readonly WantedImage[]): Promise<void> {
  const { migration, scope } = context;
  const wanted = imagePod({
    name: podName(context, node, images),
    namespace: systemNamespace,
    nodeName: node.metadata.name,
    images,
    owner: ownerOf(migration),
    deadlineSeconds: pullSeconds,
  });
  try {
    scope.stores.pods.put(await scope.client.create(pods, wanted));
  } catch (error) {
    // The copy is behind: the pod is there.
    if (!isApiError(error, "AlreadyExists")) throw error;
  }
}

async function judge(context: MigrationContext, asked: readonly Asked[]): Promise<PhaseResult> {
  const { migration } = context;
  const absent = asked.filter(({ states }) => states.some(isMissing));
  if (absent.length > 0) return blocked(context, absent);
  const open = asked.filter(({ states }) => states.some(({ state }) => state === "waiting"));
  const said = preflightOf(context);
  if (open.length === 0) return pass(context, loginRemark(asked));
  // What was found stands until the nodes that were asked anew have answered.
  if (said?.status === "False" && said.reason === "ImageMissing")
    return { outcome: "stalled", reason: "ImageMissing", message: said.message, afterSeconds: askAgainSeconds };
  const { displayName } = networkById(migration.spec.target);
  const message = `looking for the images of ${displayName}: waiting for ${some(open.map(nameOf))}`;
  return { outcome: "wait", summary: "Preflight", reason: "Preflight", message, afterSeconds: 15 };
}

async function blocked(context: MigrationContext, absent: readonly Asked[]): Promise<PhaseResult> {
  const { migration, scope } = context;
  const message = linesOf(context, absent).join(" | ");
  const conditions = conditionsWith(migration, scope.now(), [["PreflightPassed", "False", "ImageMissing", message]]);
  await context.record({ conditions });
  const key = `${migration.metadata.uid} images`;
  const inSeconds = scope.looks.dueInSeconds(key, askAgainSeconds);
  if (inSeconds === undefined) scope.looks.note(key);
  if (inSeconds !== undefined && inSeconds <= 0) {
    scope.looks.forget(key);
    await Promise.all(absent.map(({ pod }) => remove(context, pod)));
  }
  const afterSeconds = Math.max(1, inSeconds ?? askAgainSeconds);
  return { outcome: "stalled", reason: "ImageMissing", message, afterSeconds };
}

/** A line for each image: the nodes, what the first of their kubelets said, and the cure. */
function linesOf({ migration }: MigrationContext, absent: readonly Asked[]): string[] {
  const { namespace, daemonSets } = migration.status?.facts?.targetAgent ?? { namespace: "", daemonSets: [] };
  const images = new Set(absent.flatMap(({ states }) => states.filter(isMissing).map(({ image }) => image)));
  return [...images].sort().map((image) => {
    const lacking = absent.filter(({ states }) => states.some((s) => isMissing(s) && s.image === image));
    const [found] = lacking.flatMap(({ states }) => states.filter(isMissing).filter((s) => s.image === image));
    const cure = `load it there or let the node pull it, or correct its name in DaemonSet ${namespace}/${daemonSets.join(", ")}`;
    const where = `${lacking.length > 1 ? "nodes" : "node"} ${some(lacking.map(nameOf))}`;
    return `${where}: image ${image} cannot be had: ${found?.said}; ${cure}`;
  });
}

/** Where a registry wants a login, only the agent's own pods may have it: nothing is found, and nothing is known. */
function loginRemark(asked: readonly Asked[]): string | undefined {
  const closed = asked.flatMap(({ states }) => states.filter((s) => s.state === "missing"));
  const images = [...new Set(closed.map(({ image }) => image))].sort();
  if (images.length === 0) return undefined;
  return `whether nodes can pull ${some(images)} is not known: the registry wants a login`;
}

/** Nothing is in the way; `remark`: what could not be looked at, kept beside what preflight has said. */
async function pass(context: MigrationContext, remark?: string): Promise<PhaseResult> {
  const { migration, scope } = context;
  const said = preflightOf(context);
  const was = said?.status === "True" ? said.message : `${context.nodes.length} nodes looked at, nothing in the way`;
  const message = remark === undefined || was.includes(remark) ? was : `${was}; ${remark}`;
  if (said?.status === "True" && said.message === message) return next;
  await context.record({
    conditions: conditionsWith(migration, scope.now(), [["PreflightPassed", "True", "PreflightPassed", message]]),
  });
  return next;
}

function preflightOf({ migration }: MigrationContext) {
  return migration.status?.conditions?.find(({ type }) => type === "PreflightPassed");
}

/** Pods of ours that look for images, under other names than these, have no more to say. */
async function removeOthers(context: MigrationContext, names: readonly string[]): Promise<void> {
  const owner = ownerOf(context.migration);
  const others = context.scope.stores.pods
    .list()
    .filter(({ metadata }) => metadata.namespace === systemNamespace && metadata.labels?.[roleLabel] === imageRole)
    .filter((pod) => isOwnedBy(pod, owner) && !names.includes(pod.metadata.name));
  await Promise.all(others.map((pod) => remove(context, pod)));
}

async function remove({ scope }: MigrationContext, pod: Pod | undefined): Promise<void> {
  if (pod !== undefined && !isLeaving(pod)) await removePod(scope, pod, { gracePeriodSeconds: 0 });
}

function isMissing(state: ImageState): state is Extract<ImageState, { state: "missing" }> {
  return state.state === "missing" && !state.asksForLogin;
}

function waiting({ image }: WantedImage): ImageState {
  return { state: "waiting", image };
}

function isLeaving({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined;
}

function nameOf({ node }: Asked): string {
  return node.metadata.name;
}

/** The first three, and how many more. */
function some(names: readonly string[]): string {
  return `${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}`;
}
