// Stands between a loopback port of the host and the lab's API server. It runs in the hub's network namespace; its
// listening socket was made by the starter, in the host's, and stays there. Arguments: ADDRESS PORT PIDFILE.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect } from "node:net";

const [address, port, pidFile] = process.argv.slice(2);
const stat = readFileSync("/proc/self/stat", "utf8");
const startTime = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

process.once("message", (_message, server) => {
  server.on("connection", (client) => {
    const upstream = connect(Number(port), address);
    client.pipe(upstream).pipe(client);
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });
  writeFileSync(`${pidFile}.new`, `${process.pid} ${startTime} ${bootId}\n`);
  renameSync(`${pidFile}.new`, pidFile);
});
