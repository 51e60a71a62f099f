import { createHash } from "node:crypto";
import { type Clock, microTime, systemClock } from "./clock.ts";
import { isApiError } from "./errors.ts";
import type { Event, ObjectReference } from "./objects.ts";
import { events } from "./resources.ts";
import type { KubeClient, KubeObject } from "./types.ts";

export interface EventFacts {
  type: "Normal" | "Warning";
  /** CamelCase, from the vocabulary; at most 128 characters. */
  reason: string;
  /** What was done or tried, CamelCase: "Cordon". */
  action: string;
  /** One sentence; cut to 1,024 bytes. */
  note: string;
}

export interface RecorderOptions {
  /** reportingController: "cni-migrate.io/controller". */
  controller: string;
  /** reportingInstance: the pod's name. */
  instance: string;
  clock?: Clock;
  /** Told of every Event that could not be written. */
  onError?: (error: unknown) => void;
}

/** The same object, reason and note within this time is one Event whose count grows. */
const seriesSeconds = 600;
const maxNoteBytes = 1024;
/** An API server that hangs must not make Events pile up. */
const writeSeconds = 5;

interface Recorded {
  name: string;
  namespace: string;
  count: number;
  lastMs: number;
}

/** Writes events.k8s.io/v1 Events. They inform people; nothing depends on them, so failures go to `onError` only. */
export class EventRecorder {
  readonly #client: KubeClient;
  readonly #options: RecorderOptions;
  readonly #clock: Clock;
  readonly #recent = new Map<string, Recorded>();
  #queue: Promise<void> = Promise.resolve();

  constructor(client: KubeClient, options: RecorderOptions) {
    this.#client = client;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Never throws and need not be awaited; Events are written one after the other. Resolves when this one is dealt with. */
  event(regarding: KubeObject, facts: EventFacts): Promise<void> {
    const nowMs = this.#clock.nowMs();
    this.#queue = this.#queue
      .then(() => this.#write(regarding, { ...facts, note: cut(facts.note, maxNoteBytes) }, nowMs))
      .catch((error: unknown) => {
        this.#options.onError?.(error);
      });
    return this.#queue;
  }

  async #write(regarding: KubeObject, facts: EventFacts, nowMs: number): Promise<void> {
    this.#forgetBefore(nowMs - seriesSeconds * 1000);
    const { uid, name, namespace } = regarding.metadata;
    const key = JSON.stringify([regarding.kind, uid, namespace, name, facts.type, facts.reason, facts.note]);
    const recorded = this.#recent.get(key);
    if (recorded !== undefined && (await this.#repeat(recorded, nowMs))) return;
    const event = this.#make(regarding, facts, key, nowMs);
    await this.#client.create(events, event, { timeoutSeconds: writeSeconds });
    const { name: eventName, namespace: eventNamespace = "default" } = event.metadata;
    this.#recent.set(key, { name: eventName, namespace: eventNamespace, count: 1, lastMs: nowMs });
  }

  /** False when the Event is gone (they expire) and has to be made anew. */
  async #repeat(recorded: Recorded, nowMs: number): Promise<boolean> {
    const count = recorded.count + 1;
    try {
      const patch = { series: { count, lastObservedTime: microTime(nowMs) } };
      await this.#client.patch(events, { name: recorded.name, namespace: recorded.namespace }, patch, {
        timeoutSeconds: writeSeconds,
      });
    } catch (error) {
      if (isApiError(error, 404)) return false;
      throw error;
    }
    recorded.count = count;
    recorded.lastMs = nowMs;
    return true;
  }

  #make(regarding: KubeObject, facts: EventFacts, key: string, nowMs: number): Event {
    const { name, namespace = "default" } = regarding.metadata;
    const hash = createHash("sha256").update(`${key} ${this.#options.instance} ${nowMs}`).digest("hex").slice(0, 16);
    return {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: `${name.slice(0, 230)}.${hash}`, namespace },
      eventTime: microTime(nowMs),
      reportingController: this.#options.controller,
      reportingInstance: this.#options.instance.slice(0, 128),
      regarding: reference(regarding),
      ...facts,
    };
  }

  #forgetBefore(ms: number): void {
    for (const [key, recorded] of this.#recent) if (recorded.lastMs < ms) this.#recent.delete(key);
  }
}

function reference({ apiVersion, kind, metadata }: KubeObject): ObjectReference {
  const { name, namespace, uid, resourceVersion } = metadata;
  return {
    apiVersion,
    kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

/** Cuts to so many bytes of UTF-8 without splitting a character. */
function cut(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  return `${bytes
    .subarray(0, maxBytes - 4)
    .toString("utf8")
    .replace(/\uFFFD+$/, "")}…`;
}
