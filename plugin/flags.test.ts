import { describe, expect, it } from "vitest";
import { CliError } from "./errors.ts";
import {
  durationSeconds,
  flagName,
  integer,
  list,
  nearest,
  oneOf,
  orList,
  readFlags,
  text,
  textOr,
  toggle,
} from "./flags.ts";
import { parseCidrs } from "./request/cidrs.ts";
import { batchSize } from "./request/flags.ts";

describe("plugin/flags", () => {
  const flags = {
    batchSize: text({ value: "N", help: "", parse: batchSize }),
    output: textOr("table", { value: "F", help: "", parse: oneOf("table", "json") }),
    filename: list({ value: "F", help: "" }),
    wait: toggle({ help: "", default: true }),
  };

  it("gives defaults for what is not set", () => {
    expect(readFlags(flags, {})).toEqual({ batchSize: undefined, output: "table", filename: [], wait: true });
  });

  it("gives typed values", () => {
    const raw = { batchSize: "3", output: "json", filename: ["a", "b"], wait: false };

    expect(readFlags(flags, raw)).toEqual({ batchSize: 3, output: "json", filename: ["a", "b"], wait: false });
  });

  it("names flag, value and remedy of a bad value", () => {
    const read = () => readFlags(flags, { batchSize: "150%" });

    expect(read).toThrow(CliError);
    expect(read).toThrow(
      'invalid value "150%" for --batch-size: must be a whole number of nodes from 1 up, or a share from 1% to 100%',
    );
  });

  it.each(["0", "-1", "1.5", "x", "", "0%", "101%", "150%", "007", "1e3", "99999999999"])(
    "refuses batch size %j",
    (value) => {
      expect(() => batchSize(value)).toThrow("must be a whole number");
    },
  );

  it.each([
    ["1", 1],
    ["1000000", 1_000_000],
    ["1%", "1%"],
    ["100%", "100%"],
  ])("takes batch size %j", (value, expected) => {
    expect(batchSize(value)).toBe(expected);
  });

  it.each([
    ["10.0.0.0/33", "is not a range"],
    ["10.0.0.0", "is not a range"],
    ["10.0/8", "is not a range"],
    ["010.0.0.0/8", "is not a range"],
    ["10.244.1.0/16", "write 10.244.0.0/16"],
    ["10.0.0.0/8,11.0.0.0/8", "two ranges of the same family"],
    ["fd00::/56,10.0.0.0/8", "IPv4 range first"],
    ["10.0.0.0/8, fd00::/56", "is not a range"],
    ["", "is not a range"],
  ])("refuses CIDR %j", (value, why) => {
    expect(() => parseCidrs(value)).toThrow(why);
  });

  it.each(["10.244.0.0/16", "fd00:10:244::/56", "10.244.0.0/16,fd00:10:244::/56"])("takes CIDR %s", (value) => {
    expect(parseCidrs(value)).toBe(value);
  });

  it.each([
    ["1s", 1],
    ["90s", 90],
    ["10m", 600],
    ["1h30m", 5_400],
  ])("reads the span %s", (value, seconds) => {
    expect(durationSeconds(value)).toBe(seconds);
  });

  it.each(["", "0", "0s", "-1s", "5 minutes", "10", "1.5m", "99999h", "1m1h"])("refuses the span %j", (value) => {
    expect(() => durationSeconds(value)).toThrow("must be a span");
  });

  it("bounds whole numbers", () => {
    expect(integer(1, 3)("3")).toBe(3);
    expect(() => integer(1, 3)("4")).toThrow("from 1 to 3");
    expect(() => integer(1, 3)("1e0")).toThrow("from 1 to 3");
  });

  it("suggests the nearest word, and nothing far-fetched", () => {
    expect(nearest("Calicoo", ["calico", "cilium"])).toBe("calico");
    expect(nearest("weave", ["calico", "cilium"])).toBeUndefined();
    expect(nearest("x".repeat(100_000), ["calico"])).toBeUndefined();
  });

  it("writes names and lists as people do", () => {
    expect(flagName("insecureSkipTlsVerify")).toBe("--insecure-skip-tls-verify");
    expect([orList([]), orList(["a"]), orList(["a", "b", "c"])]).toEqual(["", "a", "a, b or c"]);
  });
});
