import { buildPrograms } from "./build/programs.ts";
import { main, toStderr } from "./project.ts";

await main("build", () => buildPrograms(toStderr));
