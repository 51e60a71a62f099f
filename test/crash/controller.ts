import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { controllerEnv } from "../../crds/names.ts";
import { type Component, startComponent } from "../lab/component.ts";
import { type Cut, CutProxy, type ProxyOptions } from "./proxy.ts";

export interface ControllerOptions extends Omit<ProxyOptions, "kill"> {
  /** The built controller. */
  bundle: string;
  /** Bearer token of the controller's ServiceAccount. */
  token: string;
  /** For its kubeconfig and its log. */
  folder: string;
  /** The cut was made. */
  onKill(cut: Cut): void;
}

let started = 0;

/** The controller as it is shipped, a process of its own behind a proxy of its own. */
export class CrashingController {
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
  readonly logPath: string;
  readonly #component: Component;
  readonly #proxy: CutProxy;

  private constructor(component: Component, proxy: CutProxy, logPath: string) {
    this.#component = component;
    this.#proxy = proxy;
    this.logPath = logPath;
    this.ended = new Promise((resolve) => component.child.once("exit", () => resolve()));
  }

  static async start(options: ControllerOptions): Promise<CrashingController> {
    const name = `controller-${process.pid}-${++started}`;
    let controller: CrashingController | undefined;
    const kill = (cut: Cut) => {
      controller?.kill();
      options.onKill(cut);
    };
    const proxy = await CutProxy.start({ ...options, kill });
    const kubeconfig = join(options.folder, `${name}.kubeconfig`);
    writeFileSync(kubeconfig, kubeconfigOf(proxy.url, options.token), { mode: 0o600 });
    const logPath = join(options.folder, `${name}.log`);
    const settings = [`KUBECONFIG=${kubeconfig}`, `${controllerEnv.healthPort}=0`, `${controllerEnv.image}=none`];
    const component = startComponent(
      name,
      ["env", ...settings, process.execPath, options.bundle, "controller"],
      logPath,
    );
    controller = new CrashingController(component, proxy, logPath);
    return controller;
  }

  /** As the kernel does it: nothing is said, nothing is finished. */
  kill(): void {
    this.#component.child.kill("SIGKILL");
  }

  /** Gone for good, proxy included. */
  async stop(): Promise<void> {
    if (!this.#component.ended()) {
      this.kill();
      await this.ended;
    }
    await this.#proxy.stop();
  }
}

function kubeconfigOf(server: string, token: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "crash",
    clusters: [{ name: "crash", cluster: { server } }],
    users: [{ name: "crash", user: { token } }],
    contexts: [{ name: "crash", context: { cluster: "crash", user: "crash" } }],
  });
}
