import { ApiError } from "../../kube/errors.ts";
import type { KubeObject, ObjectKey, Resource } from "../../kube/types.ts";
import type { Session } from "../session.ts";

/** A cluster that is a list of objects and takes note of the patches it is sent. */
export interface TestSession extends Session {
  patches: { object: string; patch: unknown }[];
  /** Patches of the object of this name are refused with 409. */
  conflictOn: string | undefined;
}

/** `objects` undefined: the custom resources are not installed. */
export function testSession(objects: readonly KubeObject[] | undefined): TestSession {
  const of = (resource: Resource) => (objects ?? []).filter((object) => object.kind === resource.kind);
  const refused = (status: number, reason: string) =>
    new ApiError(`${reason} it is`, { status, reason, request: "a request" });
  const client = {
    async get(resource: Resource, { name }: ObjectKey) {
      return of(resource).find((object) => object.metadata.name === name);
    },
    async list(resource: Resource) {
      if (objects === undefined) throw refused(404, "NotFound");
      return { items: structuredClone(of(resource)), resourceVersion: "1" };
    },
    async patch(resource: Resource, { name }: ObjectKey, patch: unknown) {
      if (session.conflictOn === name) throw refused(409, "Conflict");
      session.patches.push({ object: `${resource.kind} ${name}`, patch });
      return {};
    },
  };
  const session = { client, namespace: "default", patches: [], conflictOn: undefined } as unknown as TestSession;
  return session;
}
