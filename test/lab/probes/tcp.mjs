/**
 * Long-lived TCP connections to echo servers, one message each 50 ms on each: `node tcp.mjs HOST:PORT...`. Prints a line
 * when a connection breaks (closed, reset, or silent for 3 s): {"at": epoch ms, "peer": "10.244.1.5:7", "error": "..."}, where
 * `at` is when a silence began,
 * and when told to end (SIGTERM) one line for each peer: {"peer", "messages", "worstGapMs", "broken"}.
 */
import net from "node:net";

const peers = process.argv.slice(2);
const silentMs = 3000;
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const connections = peers.map((peer) => {
  const at = peer.lastIndexOf(":");
  const state = { peer, messages: 0, worstGapMs: 0, broken: false, lastHeard: Date.now() };
  const socket = net.connect({ host: peer.slice(0, at), port: Number(peer.slice(at + 1)) });
  socket.setNoDelay(true);
  const broken = (error, at = Date.now()) => {
    if (state.broken) return;
    state.broken = true;
    say({ at, peer, error });
    socket.destroy();
  };
  socket.on("connect", () => say({ at: Date.now(), peer, connected: true }));
  socket.on("data", () => {
    const now = Date.now();
    if (state.messages > 0) state.worstGapMs = Math.max(state.worstGapMs, now - state.lastHeard);
    state.lastHeard = now;
    state.messages++;
  });
  socket.on("error", (error) => broken(error.code ?? error.message));
  socket.on("close", () => broken("closed"));
  return { state, socket, broken };
});

const timer = setInterval(() => {
  for (const { state, socket, broken } of connections) {
    if (state.broken) continue;
    if (Date.now() - state.lastHeard > silentMs) broken(`silent for ${silentMs} ms`, state.lastHeard);
    else if (socket.writable) socket.write("0123456789abcdef\n");
  }
}, 50);

process.on("SIGTERM", () => {
  clearInterval(timer);
  for (const { state } of connections) {
    const { peer, messages, worstGapMs, broken } = state;
    say({ peer, messages, worstGapMs, broken });
  }
  process.exit(0);
});
