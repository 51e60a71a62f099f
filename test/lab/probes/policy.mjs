/**
 * One request each 50 ms to every peer, each on a new connection, 1 s to answer, from the network namespace it is started in:
 * `node policy.mjs deny|allow`. Standard input has one JSON list a line, ["10.244.1.5:8080", ...]: the peers from then on. Prints one line
 * for each try that should have ended otherwise: with `deny` as its argument an answer, {"at", "peer", "answer": "pod's name"};
 * with `allow` a failure, {"at", "peer", "error"}; and when told to end (SIGTERM) the totals: {"tried", "answered"}.
 */
import net from "node:net";
import { createInterface } from "node:readline";

const kind = process.argv[2];
const everyMs = 50;
/** A try ends after so many of this process's own beats: one that is starved for a second has not waited for a second. */
const limitBeats = 20;
let peers = [];
/** What is under way, by the beat at which its time is up. */
const due = new Map();
let beat = 0;
let tried = 0;
let answered = 0;

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

function once(peer) {
  const at = Date.now();
  tried++;
  let settled = false;
  let text = "";
  const colon = peer.lastIndexOf(":");
  const socket = net.connect({ host: peer.slice(0, colon), port: Number(peer.slice(colon + 1)) });
  const settle = (error) => {
    if (settled) return;
    settled = true;
    socket.destroy();
    if (error === undefined) answered++;
    if (error === undefined && kind === "deny") say({ at, peer, answer: text.split("\r\n\r\n")[1]?.trim() ?? "" });
    if (error !== undefined && kind === "allow") say({ at, peer, error });
  };
  const end = beat + limitBeats;
  due.set(end, [...(due.get(end) ?? []), () => settle("ETIMEDOUT")]);
  socket.on("connect", () => socket.write("GET / HTTP/1.1\r\nHost: peer\r\n\r\n"));
  socket.on("data", (data) => {
    text += data;
  });
  socket.on("end", () => settle(text.startsWith("HTTP/1.1 200") ? undefined : "no answer"));
  socket.on("error", (error) => settle(error.code ?? error.message));
}

createInterface({ input: process.stdin }).on("line", (line) => {
  peers = JSON.parse(line);
});
let isEnding = false;
setInterval(() => {
  beat++;
  for (const giveUp of due.get(beat) ?? []) giveUp();
  due.delete(beat);
  if (!isEnding) peers.forEach(once);
}, everyMs);

process.on("SIGTERM", () => {
  isEnding = true;
  // What is under way may still be answered.
  setTimeout(
    () => {
      say({ tried, answered });
      process.exit(0);
    },
    everyMs * (limitBeats + 2),
  );
});
