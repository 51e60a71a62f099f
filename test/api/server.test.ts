import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureBinaries } from "../lab/build.ts";
import { run } from "../lab/run.ts";
import { type ApiServer, startApiServer } from "./server.ts";

let server: ApiServer;
let kubectl = "";

beforeAll(async () => {
  server = await startApiServer({ users: { reader: ["readers"] } });
  kubectl = (await ensureBinaries(["kubectl"])).kubectl;
});
afterAll(() => server?.stop());

const as = (kubeconfig: string, ...args: string[]) => run([kubectl, "--kubeconfig", kubeconfig, ...args]);

test("the administrator may do everything", async () => {
  expect((await as(server.kubeconfigPath, "auth", "can-i", "*", "*")).stdout.trim()).toBe("yes");
});

test("another user may do what its groups are bound to, and nothing else", async () => {
  const reader = server.kubeconfigForUser("reader");
  expect((await as(reader, "auth", "can-i", "list", "nodes")).stdout.trim()).toBe("no");
  const apiVersion = "rbac.authorization.k8s.io/v1";
  await server.request("POST", `/apis/${apiVersion}/clusterroles`, {
    apiVersion,
    kind: "ClusterRole",
    metadata: { name: "readers" },
    rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["list"] }],
  });
  await server.request("POST", `/apis/${apiVersion}/clusterrolebindings`, {
    apiVersion,
    kind: "ClusterRoleBinding",
    metadata: { name: "readers" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "readers" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "readers" }],
  });
  expect((await as(reader, "auth", "can-i", "list", "pods")).stdout.trim()).toBe("yes");
  expect((await as(reader, "auth", "can-i", "delete", "pods")).stdout.trim()).toBe("no");
});

test("a service account's kubeconfig speaks for it", async () => {
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "robot" } };
  await server.request("POST", "/api/v1/namespaces/default/serviceaccounts", account);
  const robot = await server.kubeconfigForServiceAccount("default", "robot");
  expect((await as(robot, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")).stdout).toBe(
    "system:serviceaccount:default:robot",
  );
});

test("a user nobody declared is named", () => {
  expect(() => server.kubeconfigForUser("ghost")).toThrow("no user ghost in this API server");
});
