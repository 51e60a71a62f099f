import { describe, expect, it } from "vitest";
import type { Namespace, NetworkPolicy, Pod } from "../../../kube/objects.ts";
import { painter } from "../../output.ts";
import { type CutRow, policyImpact } from "./impact.ts";
import { cutText, intersection, portsOf, union } from "./ports.ts";
import { renderPolicies } from "./render.ts";

type Spec = Omit<NetworkPolicy["spec"], "podSelector"> & Partial<Pick<NetworkPolicy["spec"], "podSelector">>;

/** Two namespaces: shop with web (two pods) and cart, mon with prom. */
describe("plugin/plan/policies", () => {
  const namespaces: Namespace[] = ["shop", "mon"].map((name) => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels: { team: name } },
  }));

  interface Made {
    namespace?: string;
    name: string;
    app: string;
    owner?: { kind: string; name: string };
    ip?: string;
    labels?: Record<string, string>;
    spec?: Partial<Pod["spec"]>;
    phase?: "Running" | "Succeeded";
  }

  function pod({
    namespace = "shop",
    name,
    app,
    owner,
    ip = "",
    labels = {},
    spec = {},
    phase = "Running",
  }: Made): Pod {
    const ports = [{ name: "http", containerPort: 8080 }];
    return {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        namespace,
        name,
        labels: { app, ...labels },
        ...(owner === undefined
          ? {}
          : { ownerReferences: [{ apiVersion: "v1", uid: "u", controller: true, ...owner }] }),
      },
      spec: { containers: [{ name: "main", ports }], ...spec },
      status: { phase, ...(ip === "" ? {} : { podIPs: [{ ip }] }) },
    };
  }

  const replicaSet = { owner: { kind: "ReplicaSet", name: "web-5d4" }, labels: { "pod-template-hash": "5d4" } };
  const pods = [
    pod({ name: "web-5d4-a", app: "web", ip: "10.244.1.2", ...replicaSet }),
    pod({ name: "web-5d4-b", app: "web", ip: "10.244.2.2", ...replicaSet }),
    pod({ name: "cart-0", app: "cart", ip: "10.244.2.3", owner: { kind: "StatefulSet", name: "cart" } }),
    pod({ namespace: "mon", name: "prom", app: "prom", ip: "10.244.1.9" }),
    pod({ name: "agent", app: "web", ip: "192.0.2.1", spec: { hostNetwork: true } }),
    pod({ name: "job", app: "web", phase: "Succeeded" }),
  ];

  function policy(name: string, spec: Spec): NetworkPolicy {
    return {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { namespace: "shop", name },
      spec: { podSelector: {}, ...spec },
    };
  }

  /** "web, cart: from every pod but prom: all but TCP 80 (a, b)". */
  function line({ workloads, direction, peers, ports, policies }: CutRow): string {
    const short = (names: readonly string[]) =>
      names.map((name) => name.replace(/^(deployment|statefulset|pod) \w+\//, "")).join(", ");
    const inside = short(peers.pods) + (peers.butPods.length === 0 ? "" : ` but ${short(peers.butPods)}`);
    const outside = peers.outside ? `outside${peers.butOutside.length === 0 ? "" : ` but ${peers.butOutside}`}` : "";
    const who = [inside, outside].filter((part) => part !== "").join(" and ");
    const by = policies.map((name) => name.replace("shop/", "")).join(", ");
    return `${short(workloads)} ${direction === "Ingress" ? "from" : "to"} ${who}: ${ports} (${by})`;
  }

  const cut = (...specs: Spec[]) =>
    policyImpact(
      specs.map((spec, index) => policy("abc"[index] ?? "", spec)),
      pods,
      namespaces,
    ).cutOff.map(line);

  const web = { podSelector: { matchLabels: { app: "web" } } };
  const cart = { podSelector: { matchLabels: { app: "cart" } } };
  const mon = { namespaceSelector: { matchLabels: { team: "mon" } } };

  it.each<[string, Spec[], string[]]>([
    ["default deny of what comes in", [{}], ["web, cart from every pod and outside: all (a)"]],
    [
      "default deny both ways",
      [{ policyTypes: ["Ingress", "Egress"] }],
      ["web, cart from every pod and outside: all (a)", "web, cart to every pod and outside: all (a)"],
    ],
    ["egress alone", [{ policyTypes: ["Egress"] }], ["web, cart to every pod and outside: all (a)"]],
    ["a rule without peers and ports: everybody", [{ ingress: [{}] }], []],
    ["an empty list of peers: everybody", [{ ingress: [{ from: [], ports: [] }] }], []],
    [
      "policyTypes missing, egress rules there: both",
      [{ ...cart, egress: [{}] }],
      ["cart from every pod and outside: all (a)"],
    ],
    ["a selector no pod meets", [{ podSelector: { matchLabels: { app: "none" } } }], []],
    [
      "a podSelector takes pods of the policy's namespace only",
      [{ ...web, ingress: [{ from: [{ podSelector: {} }] }] }],
      ["web from prom and outside: all (a)"],
    ],
    [
      "a namespaceSelector takes all pods of its namespaces",
      [{ ...web, ingress: [{ from: [mon] }] }],
      ["web from every pod but prom and outside: all (a)"],
    ],
    [
      "both in one peer: both must hold",
      [{ ...web, ingress: [{ from: [{ ...mon, podSelector: { matchLabels: { app: "cart" } } }] }] }],
      ["web from every pod and outside: all (a)"],
    ],
    [
      "both in two peers: one is enough",
      [{ ...web, ingress: [{ from: [mon, cart] }] }],
      ["web from web and outside: all (a)"],
    ],
    [
      "several policies: one is enough",
      [{}, { ...web, ingress: [{ from: [cart] }] }, { ...web, ingress: [{ from: [mon] }] }],
      ["web from web and outside: all (a, b, c)", "cart from every pod and outside: all (a)"],
    ],
    [
      "ports: all others are cut off",
      [{ ...cart, ingress: [{ ports: [{ port: 80 }, { protocol: "UDP", port: 53 }] }] }],
      ["cart from every pod and outside: all but TCP 80, UDP 53 (a)"],
    ],
    [
      "a port's name is the receiver's, a range has an end",
      [{ ...cart, ingress: [{ from: [web], ports: [{ port: "http" }, { port: 9000, endPort: 9010 }] }] }],
      ["cart from prom and outside: all (a)", "cart from web: all but TCP 8080, TCP 9000-9010 (a)"],
    ],
    [
      "a name no container has: nothing passes",
      [{ ...cart, ingress: [{ ports: [{ port: "https" }] }] }],
      ["cart from every pod and outside: all (a)"],
    ],
    [
      "egress to a port by the name the receiver gives it",
      [{ ...cart, policyTypes: ["Egress"], egress: [{ to: [web], ports: [{ port: "http" }] }] }],
      ["cart to prom and outside: all (a)", "cart to web: all but TCP 8080 (a)"],
    ],
    [
      "a protocol without ports",
      [{ ...cart, ingress: [{ ports: [{ protocol: "UDP" }] }] }],
      ["cart from every pod and outside: all but all UDP (a)"],
    ],
    [
      "a block with all addresses of a pod, and what it leaves out",
      [{ ...cart, ingress: [{ from: [{ ipBlock: { cidr: "10.244.0.0/16", except: ["10.244.1.8/29"] } }] }] }],
      ["cart from prom and outside but 10.244.0.0/16 without 10.244.1.8/29: all (a)"],
    ],
    [
      "a block with some of a workload's addresses: not the workload",
      [{ ...cart, ingress: [{ from: [{ ipBlock: { cidr: "10.244.1.0/24" } }] }] }],
      ["cart from web and outside but 10.244.1.0/24: all (a)"],
    ],
    ["the block of all addresses", [{ ...cart, ingress: [{ from: [{ ipBlock: { cidr: "0.0.0.0/0" } }] }] }], []],
    [
      "a block of the other family",
      [{ ...cart, ingress: [{ from: [{ ipBlock: { cidr: "fd00::/8" } }] }] }],
      ["cart from every pod and outside but fd00::/8: all (a)"],
    ],
    [
      "all pods of all namespaces",
      [{ ...cart, ingress: [{ from: [{ namespaceSelector: {} }] }] }],
      ["cart from outside: all (a)"],
    ],
  ])("knows %s", (_what, specs, expected) => {
    expect(cut(...specs)).toEqual(expected);
  });

  it("lists each policy with its directions and the pods it selects, by workload", () => {
    const { policies } = policyImpact([policy("b", web), policy("a", { egress: [{}] })], pods, namespaces);

    expect(policies).toEqual([
      {
        policy: "shop/a",
        directions: ["Ingress", "Egress"],
        selects: [
          { workload: "deployment shop/web", pods: 2 },
          { workload: "statefulset shop/cart", pods: 1 },
        ],
      },
      { policy: "shop/b", directions: ["Ingress"], selects: [{ workload: "deployment shop/web", pods: 2 }] },
    ]);
  });

  it("a lone pod is not cut off from itself; replicas are, from each other", () => {
    const alone = policyImpact([policy("a", cart)], pods, namespaces).cutOff;
    const replicas = policyImpact([policy("a", { ...web, ingress: [{ from: [mon, cart] }] })], pods, namespaces).cutOff;

    expect(alone.map((row) => row.peers.pods)).toEqual([["every pod"]]);
    expect(replicas.map((row) => row.peers.pods)).toEqual([["deployment shop/web"]]);
  });

  it("pods of one workload with labels of their own: what holds for one of them is told of the workload", () => {
    const numbered = (index: number) =>
      pod({
        name: `db-${index}`,
        app: "db",
        labels: { index: `${index}` },
        owner: { kind: "StatefulSet", name: "db" },
      });
    const onlyFirst = policy("a", { podSelector: { matchLabels: { index: "0" } } });

    const { policies, cutOff } = policyImpact([onlyFirst], [...pods, numbered(0), numbered(1)], namespaces);

    expect(policies[0]?.selects).toEqual([{ workload: "statefulset shop/db", pods: 1 }]);
    expect(cutOff.map(line)).toEqual(["db from every pod and outside: all (a)"]);
  });

  it.each([
    ["all and some", cutText(union("all", portsOf([{ port: 80 }], []))), undefined],
    ["neighbours", cutText(union(portsOf([{ port: 80 }], []), portsOf([{ port: 81 }], []))), "all but TCP 80-81"],
    ["a range in a range", cutText(portsOf([{ port: 1, endPort: 9 }, { port: 3 }], [])), "all but TCP 1-9"],
    [
      "what two have in common",
      cutText(intersection(portsOf([{ port: 1, endPort: 9 }], []), portsOf([{ port: 5, endPort: 20 }], []))),
      "all but TCP 5-9",
    ],
    [
      "what two protocols have in common",
      cutText(intersection(portsOf([{ port: 53 }], []), portsOf([{ port: 53, protocol: "UDP" }], []))),
      "all",
    ],
  ])("counts ports: %s", (_what, text, expected) => {
    expect(text).toBe(expected);
  });

  it("shows it as two tables", () => {
    const impact = policyImpact(
      [policy("deny", { policyTypes: ["Ingress"] }), policy("web", { ...web, ingress: [{ ports: [{ port: 80 }] }] })],
      pods,
      namespaces,
    );

    expect(renderPolicies(impact, painter(false))).toMatchInlineSnapshot(`
      "NETWORKPOLICY   DIRECTIONS   PODS
      shop/deny       Ingress      deployment shop/web (2 pods), statefulset shop/cart
      shop/web        Ingress      deployment shop/web (2 pods)

      PODS                    CUT-OFF                                  PORTS            BY
      deployment shop/web     from every pod, from nodes and outside   all but TCP 80   shop/deny, shop/web
      statefulset shop/cart   from every pod, from nodes and outside   all              shop/deny
      Judged by labels and present addresses; a node always reaches its own pods.
      "
    `);
    expect(renderPolicies({ policies: [], cutOff: [] }, painter(false))).toBe("");
  });

  it("says so when nothing is cut off", () => {
    const impact = policyImpact([policy("open", { ingress: [{}] })], pods, namespaces);

    expect(renderPolicies(impact, painter(false))).toContain("No connection between the pods there are is cut off.\n");
  });
});
