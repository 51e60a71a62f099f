/**
 * Who a peer takes this pod for. `address.mjs serve PORT` tells everybody who connects the address it sees, and says "ready" once it
 * listens; `address.mjs ask HOST PORT` prints what it is told.
 */
import { connect, createServer } from "node:net";

const [what, ...args] = process.argv.slice(2);
const limitMs = 3000;

if (what === "serve") {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end(socket.remoteAddress);
  });
  server.listen(Number(args[0]), "0.0.0.0", () => process.stdout.write("ready\n"));
} else {
  const socket = connect({ host: args[0], port: Number(args[1]), timeout: limitMs });
  socket.on("data", (data) => process.stdout.write(data));
  socket.on("timeout", () => socket.destroy(new Error(`no answer within ${limitMs / 1000} s`)));
  socket.on("error", (error) => {
    process.stdout.write(error.message);
    process.exitCode = 1;
  });
}
