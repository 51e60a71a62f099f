import { main } from "../../scripts/project.ts";
import { continuityBench } from "./continuity.ts";
import { peerBench } from "./peer.ts";

const benches: Record<string, () => Promise<boolean>> = { continuity: continuityBench, peer: peerBench };

await main("bench", async () => {
  const [name = ""] = process.argv.slice(2);
  const bench = Object.hasOwn(benches, name) ? benches[name] : undefined;
  if (bench === undefined) {
    process.stderr.write(
      `bench: no benchmark is called "${name}": npm run bench -- ${Object.keys(benches).join(" | ")}\n`,
    );
    process.exitCode = 2;
    return;
  }
  if (!(await bench())) process.exitCode = 1;
});
