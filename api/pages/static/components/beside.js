/**
 * Put what is in the top layer below a place, or above it where there is more room, and not beyond the window's edge.
 * @param {HTMLElement} element
 * @param {DOMRect} place
 */
export function placeBeside(element, { top, bottom, left }) {
  const { offsetHeight: height, offsetWidth: width } = element;
  const isBelow = innerHeight - bottom >= height + 12 || innerHeight - bottom >= top;
  element.style.setProperty("top", `${isBelow ? bottom + 4 : Math.max(4, top - height - 4)}px`);
  element.style.setProperty("left", `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`);
}
