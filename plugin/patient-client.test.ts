import { describe, expect, it } from "vitest";
import { ApiError } from "../kube/errors.ts";
import { pods } from "../kube/resources.ts";
import type { KubeClient } from "../kube/types.ts";
import { patientClient } from "./patient-client.ts";

describe("plugin/patient-client", () => {
  function refusing(times: number, status = 429, retryAfterSeconds: number | undefined = 3) {
    let left = times;
    const waits: number[] = [];
    const list = async () => {
      if (left-- > 0)
        throw new ApiError("not now", { status, reason: "TooManyRequests", request: "GET /", retryAfterSeconds });
      return { items: [], resourceVersion: "1" };
    };
    const clock = {
      nowMs: () => 0,
      monotonicMs: () => 0,
      random: () => 0,
      sleep: async (seconds: number) => {
        waits.push(seconds);
      },
    };
    const stop = new AbortController();
    return { client: patientClient({ list } as unknown as KubeClient, clock, stop.signal), waits, stop };
  }

  it("waits as long as the server asks, then gives the answer", async () => {
    const { client, waits } = refusing(2);

    expect(await client.list(pods)).toEqual({ items: [], resourceVersion: "1" });
    expect(waits).toEqual([3, 3]);
  });

  it("bounds what the server asks", async () => {
    const { client, waits } = refusing(1, 429, 3_600);

    await client.list(pods);

    expect(waits).toEqual([10]);
  });

  it("gives up in the end, and at once on any other answer", async () => {
    await expect(refusing(99).client.list(pods)).rejects.toThrow("not now");
    const { client, waits } = refusing(1, 503);
    await expect(client.list(pods)).rejects.toThrow("not now");
    expect(waits).toEqual([]);
  });

  it("does not go on after an interrupt", async () => {
    const { client, stop } = refusing(99);
    stop.abort(new Error("interrupted"));

    await expect(client.list(pods)).rejects.toThrow("interrupted");
  });
});
