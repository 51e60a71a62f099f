import { escapeText } from "../output.ts";
import { preciseSpan } from "./render.ts";
import type { NodeRow, StatusView } from "./view.ts";

/**
 * What happened, as lines to append: for pipes, logs and terminals that cannot redraw. Remembers only what it said last of
 * each node and when, and says nothing twice in a row.
 */
export class ChangeLines {
  private readonly last = new Map<string, { text: string; at: number }>();

  /** The lines for this view, oldest news first; none when nothing changed. */
  next(view: StatusView, now: Date): string[] {
    const nodes = [...view.nodes].sort((a, b) => (a.name < b.name ? -1 : 1));
    return [
      ...nodes.flatMap((node) => this.line(node.name, nodeText(node), now)),
      ...this.line(view.name, [view.summary, view.progress, view.message].filter(Boolean).join(": "), now),
    ];
  }

  /** A line that is no state of an object, e.g. that the API server cannot be reached. */
  note(text: string, now: Date): string[] {
    return this.line("", text, now);
  }

  private line(subject: string, text: string, now: Date): string[] {
    const before = this.last.get(subject);
    if (before?.text === text) return [];
    this.last.set(subject, { text, at: now.getTime() });
    const since = before === undefined ? "" : ` (+${preciseSpan(Math.max(0, now.getTime() - before.at) / 1000)})`;
    return [
      `${clockOf(now)} ${escapeText(subject === "" ? text : `${subject} ${text}`)}${subject === "" ? "" : since}`,
    ];
  }
}

function nodeText(node: NodeRow): string {
  if (node.state === "failed") return `${node.step}: ${node.message || node.status}`;
  if (node.podsLeft > 0) {
    const left = `${node.podsLeft} pod${node.podsLeft === 1 ? "" : "s"} left`;
    return `${node.step}: ${left}${node.blockedBy === "" ? "" : `, blocked by ${node.blockedBy}`}`;
  }
  const detail = node.blockedBy === "" ? node.message : `blocked by ${node.blockedBy}`;
  return detail === "" || detail === node.step ? node.step : `${node.step}: ${detail}`;
}

/** Local time of day, 12:00:01. */
function clockOf(now: Date): string {
  return [now.getHours(), now.getMinutes(), now.getSeconds()].map((n) => String(n).padStart(2, "0")).join(":");
}
