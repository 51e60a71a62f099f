import { Continuity } from "../lab/continuity.ts";
import { ensureBundle, findLab } from "../lab/index.ts";
import { runPeer } from "./peer-run.ts";
const lab = await findLab("default");
if (!lab) throw new Error("no lab");
await lab.importImage(await ensureBundle("calico")); await lab.importImage(await ensureBundle("calico-flannel-migration"));
const c = new Continuity(lab);
await c.deploy({ oneNode: "n2" });
await c.start();
await new Promise((r) => setTimeout(r, 3000));
try { console.log("seconds", await runPeer(lab, 400)); } catch (e) { console.log(e); }
const r = await c.stop();
console.log(JSON.stringify({ ...r, losses: r.losses.length, excused: r.excused.length, sample: r.losses.slice(0, 5) }, null, 1));
