import type { Verb } from "../verb.ts";
import completion from "./completion.ts";
import finalize from "./finalize.ts";
import install from "./install.ts";
import logs from "./logs.ts";
import pause from "./pause.ts";
import plan from "./plan.ts";
import report from "./report.ts";
import resume from "./resume.ts";
import retry from "./retry.ts";
import revert from "./revert.ts";
import start from "./start.ts";
import status from "./status.ts";
import uninstall from "./uninstall.ts";
import version from "./version.ts";

/** Every command, in the order help shows them. A new one is a file and a line here. */
export const verbs: readonly Verb[] = [
  install,
  uninstall,
  plan,
  start,
  status,
  pause,
  resume,
  retry,
  revert,
  finalize,
  report,
  logs,
  version,
  completion,
];
