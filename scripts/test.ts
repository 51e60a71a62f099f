import { suiteArguments } from "../test/lab/suites.ts";
import { main, toStderr } from "./project.ts";
import { closingLine, isGood, sum, type Tally } from "./test/tally.ts";
import { runVitest } from "./test/vitest.ts";

/** From cheap to dear. A rung that fails ends the climb: what comes after it costs minutes and stands on it. */
const ladder = [
  { name: "unit", args: ["--project", "unit"] },
  { name: "api", args: ["--project", "api"] },
  { name: "crash", args: ["--project", "crash"] },
  { name: "package", args: ["--project", "package"] },
  { name: "lab", args: suiteArguments(["flannel-to-calico"]) },
] as const;

await main("test", async () => {
  const tallies: Tally[] = [];
  for (const [index, { name, args }] of ladder.entries()) {
    toStderr(`\n== ${name}`);
    const tally = await runVitest(args);
    tallies.push(tally);
    if (isGood(tally)) continue;
    const left = ladder.slice(index + 1).map((rung) => rung.name);
    toStderr(`\n${name} failed${left.length > 0 ? `; not run: ${left.join(", ")}` : ""}`);
    process.exitCode = 1;
    break;
  }
  process.stdout.write(`${closingLine(sum(tallies))}\n`);
});
