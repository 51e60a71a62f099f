import { anyText, integer, list, oneOf, orList, text, toggle } from "../flags.ts";
import { parseCidrs } from "./cidrs.ts";

/** Networks that can be gone to, and that can be left. Not asked of the networks themselves: this is read for every command. */
const targets = ["calico", "cilium", "flannel"];
const sources = ["calico", "canal", "flannel"];

/** What `plan` and `start` are asked for. */
export const requestFlags = {
  target: text({
    value: "NETWORK",
    help: `the network the cluster is to run: ${orList(targets)}`,
    choices: targets,
    parse: anyText,
  }),
  filename: list({
    short: "f",
    value: "FILE|URL|-",
    help: "the target's own manifests: a file, a folder, an address or - (standard input); may be given several times. A CniMigration among them gives the values of flags that are not set",
  }),
  source: text({
    value: "NETWORK",
    help: "the network the cluster runs; default: what is found",
    choices: sources,
    parse: anyText,
  }),
  cidr: text({
    value: "CIDR",
    help: "range of the target's pods, IPv4, IPv6 or both with a comma; default: the source's, and for cilium, which needs one of its own, a free one",
    parse: parseCidrs,
  }),
  batchSize: text({ value: "N|N%", help: "nodes at the same time (default 1)", parse: batchSize }),
  podStrategy: text({
    value: "STRATEGY",
    help: "how pods get to the new network; Recreate: they are drained and made anew (the only one for now)",
    parse: oneOf("Recreate"),
  }),
};

export const acceptPolicyChanges = toggle({
  help: "go on although policies begin or end to hold: those only one of the two networks enforces, and with cilium all of them until finalize",
});

const count = integer(1, 1_000_000);

/** An integer of at least 1, or a share of all nodes. */
export function batchSize(value: string): number | string {
  if (/^([1-9][0-9]?|100)%$/.test(value)) return value;
  try {
    return count(value);
  } catch {
    throw new Error("must be a whole number of nodes from 1 up, or a share from 1% to 100%");
  }
}
