import { expect, test } from "vitest";
import { binarySets, labNetworks, programsOf, setOfProgram, setsFor } from "./binaries.ts";
import { bundles, bundlesFor, imagesOf } from "./images.ts";

const idsFor = (...networks: Parameters<typeof setsFor>[0]) => setsFor(networks).map((set) => set.id);

test.each([
  ["none", ["kubernetes", "coredns", "etcd"]],
  ["flannel", ["kubernetes", "coredns", "flannel", "flannel-cni", "etcd"]],
  ["calico", ["kubernetes", "calico", "coredns", "flannel-cni", "etcd"]],
  ["canal", ["kubernetes", "calico", "coredns", "flannel", "flannel-cni", "etcd"]],
] as const)("%s needs exactly the builds it runs", (network, ids) => {
  expect(idsFor(network)).toEqual(ids);
});

test("Cilium is built only when asked for", () => {
  expect(idsFor("flannel", "canal", "calico")).not.toContain("cilium");
  expect(idsFor("flannel", "cilium")).toContain("cilium");
});

test("program names are unique, so that a name finds its build", () => {
  const names = binarySets.flatMap(programsOf);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(setOfProgram(name)).toBeDefined();
});

test("images hold only programs the lab builds", () => {
  const images = Object.values(bundles).flat();
  const programs = images.flatMap((image) =>
    image.layer.flatMap((entry) => ("program" in entry ? [entry.program] : [])),
  );
  expect(programs.filter((name) => setOfProgram(name) === undefined)).toEqual([]);
});

test("a network's images hold only programs its builds have", () => {
  for (const network of labNetworks) {
    const built = new Set(setsFor([network]).flatMap(programsOf));
    const images = bundlesFor([network]).flatMap((bundle) => imagesOf(bundle));
    const used = images.flatMap((image) => image.layer.flatMap((entry) => ("program" in entry ? [entry.program] : [])));
    expect(used.filter((name) => !built.has(name))).toEqual([]);
  }
});

test("image references are unique within what one lab can hold", () => {
  const refs = Object.values(bundles)
    .flat()
    .map((image) => image.ref);
  expect(new Set(refs).size).toBe(refs.length);
});

test("two networks' bundles come once each, the cluster's first", () => {
  expect(bundlesFor(["canal", "calico"])).toEqual(["cluster", "canal-flannel", "calico"]);
});
