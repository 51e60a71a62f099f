import { defineConfig } from "vitest/config";

/**
 * Five rungs: unit (beside the source, no I/O beyond loopback), api (a real kube-apiserver), crash (the same, with the
 * controller killed here and there), package (what is shipped, with the real krew), lab (a real cluster).
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["{crds,kube,networks,controller,plugin,scripts,test}/**/*.test.ts"],
          exclude: [
            "test/api/**",
            "test/crash/sample.test.ts",
            "test/package/**",
            "test/lab/suites/**",
            "**/node_modules/**",
          ],
        },
      },
      {
        test: {
          name: "api",
          include: ["test/api/**/*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 120_000,
          pool: "forks",
        },
      },
      {
        test: {
          name: "crash",
          include: ["test/crash/sample.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 600_000,
          pool: "forks",
        },
      },
      {
        test: {
          name: "package",
          include: ["test/package/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 1_200_000,
          pool: "forks",
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "lab",
          include: ["test/lab/suites/**/*.test.ts"],
          testTimeout: 600_000,
          hookTimeout: 1_800_000,
          pool: "forks",
          fileParallelism: false,
        },
      },
    ],
  },
});
