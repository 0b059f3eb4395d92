import { s } from "../dom/h.js";

/** Paths on a grid of 24, drawn with a line of 2. */
const PATHS = {
  add: "M12 5v14M5 12h14",
  archive: "M4 8h16v11H4zM3 4h18v4H3zM10 12h4",
  ask: "M4 5h16v11H11l-5 4v-4H4zM8 9h8M8 12h5",
  check: "M5 12.5l4.5 4.5L19 7",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3 3",
  close: "M6 6l12 12M18 6L6 18",
  columns: "M4 5h16v14H4zM10 5v14M15 5v14",
  compare: "M4 18c3-8 6-11 16-12M4 12c4 5 8 6 16 6",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  delete: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  down: "M6 9l6 6 6-6",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  edit: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  flag: "M6 21V4M6 5h12l-3 4 3 4H6",
  fork: "M7 4v16M7 12c6 0 9-2 9-7M13 7l3-3 3 3",
  left: "M15 6l-6 6 6 6",
  moon: "M20 14.5A8 8 0 1 1 9.5 4 6.5 6.5 0 0 0 20 14.5z",
  more: "M4.5 12a.5.5 0 1 0 1 0a.5.5 0 1 0-1 0M11.5 12a.5.5 0 1 0 1 0a.5.5 0 1 0-1 0M18.5 12a.5.5 0 1 0 1 0a.5.5 0 1 0-1 0",
  pause: "M8 5v14M16 5v14",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 20c1-4 4-5 8-5s7 1 8 5",
  play: "M7 5l12 7-12 7z",
  right: "M9 6l6 6-6 6",
  save: "M5 4h11l3 3v13H5zM8 4v5h7V4M8 20v-6h8v6",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l4 4",
  settings: "M4 7h10M18 7h2M16 9a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM4 17h2M10 17h10M8 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  star: "M12 4l2.5 5.2 5.7.7-4.2 3.9 1.1 5.7-5.1-2.8-5.1 2.8L8 13.8 3.8 9.9l5.7-.7z",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2v2M12 20v2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M2 12h2M20 12h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4",
  system: "M4 5h16v11H4zM9 20h6M12 16v4",
  tag: "M4 4h8l8 8-8 8-8-8zM8.5 8.5h.01",
  undo: "M8 9H4V5M4.5 9a8 8 0 1 1-.5 5",
  up: "M6 15l6-6 6 6",
  upload: "M12 15V4M7 9l5-5 5 5M5 20h14",
  warning: "M12 4L2.5 20h19zM12 10v4M12 17h.01",
};

/** @typedef {keyof typeof PATHS} IconName */

/**
 * A picture beside words, or inside a button that has a label: screen readers pass over it.
 * @param {IconName} name
 * @param {{filled?: boolean}} [options]
 */
export function icon(name, { filled = false } = {}) {
  const path = s("path", {
    d: PATHS[name],
    fill: filled ? "currentColor" : "none",
    stroke: "currentColor",
    "stroke-width": 2,
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
  });
  return s("svg", { viewBox: "0 0 24 24", width: 18, height: 18, "aria-hidden": "true", class: "icon" }, path);
}
