import { preflight } from "../test/lab/preflight.ts";
import { main, toStderr } from "./project.ts";

/** Makes this machine ready for `npm run image` and the tests: root, Go, disk, and the Debian packages it lacks. */
await main("setup", () => preflight(["flannel", "calico"], toStderr));
