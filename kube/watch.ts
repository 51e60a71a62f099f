import { failure, statusError, statusObjectError } from "./failures.ts";
import { LineSplitter } from "./lines.ts";
import { onAbort } from "./signals.ts";
import { type HttpRequest, type HttpStream, nameOf, type Transport } from "./transport.ts";
import type { KubeObject, WatchEvent } from "./types.ts";

/** An etcd value is at most a few MiB; its JSON with managedFields stays far below. */
const maxLineBytes = 32 << 20;

export interface WatchLimits {
  /** With nothing received for so long the connection is taken for dead. */
  idleSeconds: number;
  nowMs: number;
}

/**
 * The events of one watch request. Ends when the server ends the answer, the caller's signal fires, or nothing came for
 * the idle limit. Throws `ApiError`: 410 when the version is too old, Truncated when the connection broke.
 */
export async function* watchEvents<T extends KubeObject>(
  transport: Transport,
  request: HttpRequest,
  limits: WatchLimits,
): AsyncGenerator<WatchEvent<T>> {
  const name = nameOf(request);
  const stream = await transport.stream(request);
  if (typeof stream.body === "string") throw statusError({ ...stream, body: stream.body }, name, limits.nowMs);
  const lines = new LineSplitter(maxLineBytes);
  for await (const chunk of chunks(stream as HttpStream, request, limits.idleSeconds)) {
    for (const line of split(lines, chunk, name)) {
      const event = parse(line, name) as WatchEvent<T> | { type: "ERROR"; object: unknown };
      if (event.type === "ERROR") throw statusObjectError(event.object, name);
      yield event;
    }
  }
}

/** The bytes as they come. Whatever ends it, the connection is closed. */
async function* chunks(stream: HttpStream, request: HttpRequest, idleSeconds: number): AsyncGenerator<Buffer> {
  const { body, server } = stream;
  let quiet = false;
  const idle = () => {
    quiet = true;
    body.destroy();
  };
  const ignoreSignal = onAbort(request.signal, () => body.destroy());
  const bytes = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  try {
    for (;;) {
      const timer = setTimeout(idle, idleSeconds * 1000);
      const next = await bytes.next().finally(() => clearTimeout(timer));
      if (next.done) return;
      yield next.value;
    }
  } catch (error) {
    if (quiet || request.signal?.aborted) return;
    throw failure("Truncated", `the watch on ${server} broke`, nameOf(request), error);
  } finally {
    ignoreSignal();
    body.destroy();
  }
}

function* split(lines: LineSplitter, chunk: Buffer, name: string): Generator<string> {
  try {
    yield* lines.push(chunk);
  } catch (error) {
    if (error instanceof RangeError) throw failure("TooLarge", "a watch event is too large", name, error);
    throw error;
  }
}

function parse(line: string, name: string): unknown {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch (error) {
    throw failure("NotJson", `a watch event is not JSON: ${line.slice(0, 80)}`, name, error, 200);
  }
  const { type, object } = (event ?? {}) as { type?: unknown; object?: unknown };
  if (typeof type === "string" && typeof object === "object" && object !== null) return event;
  throw failure("NotJson", `not a watch event: ${line.slice(0, 80)}`, name, undefined, 200);
}
