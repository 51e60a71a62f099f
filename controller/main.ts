/** The one program of the image; its first argument says what it is to be. Each part is loaded only where it is run. */
async function main(argv: readonly string[]): Promise<number> {
  const [role, ...args] = argv;
  switch (role) {
    case "controller":
      return (await import("./run.ts")).runController();
    case "host-task":
      return (await import("./host/main.ts")).runHostTaskMain(args);
    case "probe-server":
      return (await import("./probe/main.ts")).probeServerMain(args);
    case "probe":
      return (await import("./probe/main.ts")).probeMain(args);
    default:
      process.stderr.write(`unknown role ${role ?? ""}: give controller, host-task, probe-server or probe\n`);
      return 2;
  }
}

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
