import { main } from "../../scripts/project.ts";
import { closingLine, isGood } from "../../scripts/test/tally.ts";
import { runVitest } from "../../scripts/test/vitest.ts";
import { suiteArguments, suiteNames } from "./suites.ts";

await main("test:lab", async () => {
  const known = suiteNames();
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !known.includes(name));
  if (asked.length === 0 || unknown.length > 0) {
    const problem = unknown.length > 0 ? `no suite is called ${unknown.join(", ")}` : "name the suites to run";
    process.stderr.write(`test:lab: ${problem}: npm run test:lab -- ${known.join(" | ")}\n`);
    process.exitCode = 2;
    return;
  }
  const tally = await runVitest(suiteArguments(asked));
  process.stdout.write(`${closingLine(tally)}\n`);
  if (!isGood(tally)) process.exitCode = 1;
});
