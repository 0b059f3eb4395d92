/** What happened at a place of x: checkpoints, samples, alerts, resumes, and where over-fitting begins. */

import { s } from "../dom/h.js";

/** @typedef {"checkpoint" | "sample" | "alert" | "resume" | "overfitting"} MarkKind */

/**
 * @typedef {object} Mark
 * @property {number} x
 * @property {MarkKind} kind
 * @property {string} label  what a person reads of it
 */

/** Draws into a group of its own, above the curves. */
export class MarkLayer {
  node = s("g", { class: "chart-marks" });

  /**
   * @param {import("./plot_area.js").PlotArea} area
   * @param {readonly Mark[]} marks
   */
  draw(area, marks) {
    this.node.setAttribute("transform", `translate(${area.left} ${area.top})`);
    const nodes = [];
    for (const mark of marks) {
      const x = Math.round(area.x.to(mark.x) * 10) / 10;
      if (!(x >= 0 && x <= area.width)) continue;
      const text = mark.kind === "overfitting" ? textBeside(x, mark.label, area.width) : null;
      nodes.push(s("g", { class: `chart-mark is-${mark.kind}` }, s("title", {}, mark.label), ...shapes(mark.kind, x, area.height), text));
    }
    this.node.replaceChildren(...nodes);
  }
}

/**
 * The sign of a kind of mark, to stand beside its name.
 * @param {MarkKind} kind
 */
export function markSign(kind) {
  return s("svg", { class: "chart-mark-sign", viewBox: "0 0 14 14", width: 14, height: 14, "aria-hidden": "true" }, s("g", { class: `chart-mark is-${kind}` }, ...shapes(kind, 7, 14)));
}

/**
 * @param {MarkKind} kind
 * @param {number} x
 * @param {number} height
 */
function shapes(kind, x, height) {
  const line = s("line", { x1: x, x2: x, y1: 0, y2: height });
  switch (kind) {
    case "checkpoint":
      return [s("path", { d: `M${x} ${height - 11}l4.5 4.5-4.5 4.5-4.5-4.5Z` })];
    case "sample":
      return [s("line", { x1: x, x2: x, y1: height - 7, y2: height })];
    case "alert":
      return [line, s("path", { d: `M${x} 1l6 10h-12Z` })];
    case "resume":
    case "overfitting":
      return [line];
  }
}

/**
 * @param {number} x
 * @param {string} label
 * @param {number} width
 */
function textBeside(x, label, width) {
  // Bold letters of this size are about six pixels wide; beside the plot is some room.
  const isRight = x + label.length * 6.2 < width + 10;
  return s("text", { x: x + (isRight ? 6 : -6), y: 24, "text-anchor": isRight ? "start" : "end" }, label);
}
