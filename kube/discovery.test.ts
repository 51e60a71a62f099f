import { describe, expect, it } from "vitest";
import { resolveResource } from "./discovery.ts";
import { ApiError } from "./errors.ts";
import type { KubeClient } from "./types.ts";

describe("kube/discovery", () => {
  /** A client that answers discovery when it is told to, one answer a request. */
  function clientOf(...answers: (string[] | Error)[]) {
    const asked: string[] = [];
    const raw = async (path: string) => {
      asked.push(path);
      await new Promise((resolve) => setImmediate(resolve));
      const answer = answers[asked.length - 1] ?? [];
      if (answer instanceof Error) throw answer;
      const resources = answer.map((kind) => ({ name: `${kind.toLowerCase()}s`, kind, namespaced: true }));
      return JSON.stringify({ resources });
    };
    return { client: { raw } as unknown as KubeClient, asked };
  }

  it("sends one request for all who ask at the same time, and none for what is known", async () => {
    const { client, asked } = clientOf(["Thing", "Other"]);

    const both = await Promise.all(["Thing", "Other"].map((kind) => resolveResource(client, "a.example/v1", kind)));
    const again = await resolveResource(client, "a.example/v1", "Thing");

    expect(both.map((resource) => resource?.plural)).toEqual(["things", "others"]);
    expect(again).toBe(both[0]);
    expect(asked).toEqual(["/apis/a.example/v1"]);
  });

  it("asks again for what was not there, and after a failure", async () => {
    const failure = new ApiError("away", { status: 503, reason: "ServiceUnavailable", request: "GET /" });
    const { client, asked } = clientOf([], failure, ["Thing"]);

    expect(await resolveResource(client, "a.example/v1", "Thing")).toBeUndefined();
    await expect(resolveResource(client, "a.example/v1", "Thing")).rejects.toBe(failure);
    expect(await resolveResource(client, "a.example/v1", "Thing")).toMatchObject({ kind: "Thing" });
    expect(asked).toHaveLength(3);
  });
});
