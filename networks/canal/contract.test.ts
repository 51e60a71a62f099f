import { runContract } from "../contract.suite.ts";
import { recorded } from "../testing.ts";
import { canal } from "./index.ts";

runContract({
  network: canal,
  installed: () => recorded("canal-3.28.5"),
  foundIn: ["canal-3.28.5"],
  skip: [{ test: "says of each value where it was read", reason: "only its agent is looked at" }],
});
