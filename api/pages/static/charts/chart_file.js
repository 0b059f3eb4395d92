/** A chart as a file: SVG, PNG, CSV. */

import { s } from "../dom/h.js";

const STYLES = /** @type {const} */ ([
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin",
  "stroke-opacity", "opacity", "font-family", "font-size", "font-weight", "text-anchor", "visibility", "paint-order",
]);
const HEAD = 46;
const PNG_SCALE = 2;

/**
 * A picture that needs no stylesheet: a copy with the styles of the page as attributes, below a heading and the names
 * of its curves.
 *
 * @param {SVGSVGElement} picture  in the document
 * @param {string} heading
 * @param {readonly import("./series.js").Series[]} series  whose names stand in it
 * @param {string} background  colour
 * @returns {SVGSVGElement}
 */
export function standalone(picture, heading, series, background) {
  const { width, height } = picture.getBoundingClientRect();
  const copy = /** @type {SVGSVGElement} */ (picture.cloneNode(true));
  copyStyles(picture, copy);
  copy.querySelectorAll("title, .is-hidden").forEach((node) => node.remove());
  copy.setAttribute("y", String(HEAD));
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  copy.removeAttribute("aria-hidden");
  const text = getComputedStyle(picture);
  const font = { "font-family": text.fontFamily, fill: text.color };
  const names = s("g", {});
  let x = 16;
  for (const one of series) {
    const curve = picture.querySelector(`.chart-curve.chart-colour-${one.colour} .chart-line`);
    const stroke = curve === null ? text.color : getComputedStyle(curve).stroke;
    const dashes = one.isDashed ? "5 3" : "none";
    names.append(
      s("line", { x1: x, x2: x + 18, y1: 36, y2: 36, stroke, "stroke-width": 2, "stroke-dasharray": dashes }),
      s("text", { ...font, x: x + 24, y: 40, "font-size": 12 }, one.label),
    );
    x += 24 + one.label.length * 7 + 18;
  }
  const all = s("svg", { width, height: height + HEAD, viewBox: `0 0 ${width} ${height + HEAD}` });
  all.append(s("rect", { width: "100%", height: "100%", fill: background }));
  all.append(s("text", { ...font, x: 16, y: 20, "font-size": 14, "font-weight": 600 }, heading), names, copy);
  return all;
}

/**
 * @param {SVGSVGElement} picture
 * @returns {Blob}
 */
export function svgFile(picture) {
  return new Blob([new XMLSerializer().serializeToString(picture)], { type: "image/svg+xml" });
}

/**
 * @param {SVGSVGElement} picture
 * @returns {Promise<Blob>}
 */
export async function pngFile(picture) {
  const url = URL.createObjectURL(svgFile(picture));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.width * PNG_SCALE;
    canvas.height = image.height * PNG_SCALE;
    const context = canvas.getContext("2d");
    if (context === null) throw new Error("this browser has no canvas to draw the picture on");
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob === null ? reject(new Error("the picture is too large for a PNG")) : resolve(blob)), "image/png");
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}

/**
 * @param {Blob} file
 * @param {string} name
 */
export function save(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // The browser has the file once the click is over, in a task of its own.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * @param {string} heading
 * @returns {string} a name of a file without what some file systems refuse
 */
export function fileName(heading) {
  return heading.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, "-").replaceAll(/^-|-$/g, "") || "chart";
}

/**
 * @param {Element} from
 * @param {Element} to  its copy
 */
function copyStyles(from, to) {
  const style = getComputedStyle(from);
  for (const name of STYLES) to.setAttribute(name, style.getPropertyValue(name));
  const copies = [...to.children];
  [...from.children].forEach((child, index) => {
    const copy = copies[index];
    if (copy !== undefined) copyStyles(child, copy);
  });
}
