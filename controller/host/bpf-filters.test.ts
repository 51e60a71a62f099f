import { describe, expect, test } from "vitest";
import { deleteBpfFilters, findBpfFilters } from "./bpf-filters.ts";
import { type HostDeps, realDeps } from "./deps.ts";

interface Filter {
  pref: number;
  kind: string;
  options: Record<string, unknown>;
}

/** Filters of one kind and preference as `tc` tells them: the head of their list first. */
const bpf = (pref: number, name: string): Filter => ({
  pref,
  kind: "bpf",
  options: { handle: "0x1", bpf_name: name, "direct-action": true, prog: { id: 810 } },
});

/** A node's links, each with what hangs on its clsact; undefined for one without. A stand-in for `tc`. */
class Links {
  readonly commands: string[] = [];
  readonly #links: Map<string, { ingress: Filter[]; egress: Filter[] } | undefined>;

  constructor(links: Record<string, { ingress?: Filter[]; egress?: Filter[] } | undefined>) {
    const entries = Object.entries(links);
    this.#links = new Map(entries.map(([name, hung]) => [name, hung && { ingress: [], egress: [], ...hung }]));
  }

  get deps(): HostDeps {
    return realDeps({ run: async (argv) => ({ code: 0, stdout: this.#tc(argv.join(" ")), stderr: "" }) });
  }

  #tc(command: string): string {
    const [, dev = "", direction = ""] = / dev (\S+) ?(ingress|egress)?/.exec(command) ?? [];
    const filters = this.#links.get(dev)?.[direction as "ingress" | "egress"] ?? [];
    if (command === "tc -json qdisc show") return JSON.stringify([...this.#links].flatMap(disciplines));
    if (command.startsWith("tc -json filter show")) return JSON.stringify(filters.flatMap(told));
    this.commands.push(command);
    if (command.startsWith("tc filter delete")) {
      const pref = Number(/ pref (\d+) /.exec(command)?.[1]);
      filters.splice(0, filters.length, ...filters.filter((filter) => filter.pref !== pref));
    } else if (command === `tc qdisc delete dev ${dev} clsact`) this.#links.set(dev, undefined);
    else throw new Error(`unexpected: ${command}`);
    return "";
  }
}

function disciplines([dev, hung]: [string, object | undefined]): object[] {
  const root = { kind: "noqueue", handle: "0:", dev, root: true };
  return hung === undefined ? [root] : [root, { kind: "clsact", handle: "ffff:", dev, parent: "ffff:fff1" }];
}

function told({ pref, kind, options }: Filter): object[] {
  const head = { protocol: "all", pref, kind, chain: 0 };
  return [head, { ...head, options }];
}

describe("BPF filters", () => {
  test("go by name, with clsact where nothing else hangs on it", async () => {
    const links = new Links({
      lo: undefined,
      eth0: { ingress: [bpf(1, "cil_from_netdev-eth0")], egress: [bpf(1, "cil_to_netdev-eth0")] },
      eth1: { ingress: [bpf(1, "cil_from_netdev-eth1"), bpf(5, "mirror")] },
      eth2: { ingress: [bpf(1, "sockops_cil")] },
    });
    const found = ["cil_from_netdev-eth0 on eth0 ingress", "cil_to_netdev-eth0 on eth0 egress"];
    const all = [...found, "cil_from_netdev-eth1 on eth1 ingress"];

    expect(await findBpfFilters(links.deps, ["cil_*"])).toEqual(all);
    expect(links.commands).toEqual([]);
    expect(await deleteBpfFilters(links.deps, ["cil_*"])).toEqual(all);
    expect(links.commands).toEqual([
      "tc filter delete dev eth0 ingress protocol all pref 1 handle 0x1 bpf",
      "tc filter delete dev eth0 egress protocol all pref 1 handle 0x1 bpf",
      "tc filter delete dev eth1 ingress protocol all pref 1 handle 0x1 bpf",
      "tc qdisc delete dev eth0 clsact",
    ]);
    expect(await findBpfFilters(links.deps, ["cil_*"])).toEqual([]);
    expect(await deleteBpfFilters(links.deps, ["cil_*"])).toEqual([]);
  });

  test("clsact stays where a filter of another kind is on it", async () => {
    const links = new Links({
      eth0: { ingress: [bpf(1, "cil_a")], egress: [{ pref: 2, kind: "matchall", options: {} }] },
    });

    await deleteBpfFilters(links.deps, ["cil_*"]);

    expect(links.commands).toEqual(["tc filter delete dev eth0 ingress protocol all pref 1 handle 0x1 bpf"]);
  });

  test("nothing is asked where no name is wanted", async () => {
    const deps = realDeps({ run: () => Promise.reject(new Error("asked")) });

    expect(await findBpfFilters(deps, [])).toEqual([]);
  });

  test("what tc does not tell as JSON is an error that names the link", async () => {
    const deps = realDeps({
      run: async (argv) => ({
        code: 0,
        stdout: argv.includes("qdisc") ? JSON.stringify([{ kind: "clsact", dev: "eth0" }]) : "[{ flower",
        stderr: "",
      }),
    });

    await expect(findBpfFilters(deps, ["cil_*"])).rejects.toThrow(
      "filter show dev eth0 ingress: tc tells it in a way that cannot be read",
    );
  });
});
