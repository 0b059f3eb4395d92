/** What pointers do on a plot: a mouse points, drags a window, scrolls; fingers move the cursor and pinch. */

const DRAG_FROM_PIXELS = 5;

/**
 * @typedef {object} GestureTarget  what a gesture does; pixels from the left of the plot
 * @property {(x: number, y: number) => void} point
 * @property {(from: number, to: number) => void} selecting
 * @property {(from: number, to: number) => void} selected
 * @property {() => void} unselected  the drag was given up
 * @property {(x: number) => void} pick  pressed without dragging
 * @property {() => void} reset
 * @property {(factor: number, about: number) => void} zoom  a factor below 1 shows less
 * @property {(pixels: number) => void} pan
 * @property {() => boolean} takesWheel  also without the control key, which pinching on a touchpad sends
 */

/**
 * @param {HTMLElement} element
 * @param {GestureTarget} target
 * @param {AbortSignal} signal
 */
export function listenForGestures(element, target, signal) {
  /** @type {Map<number, number>} pointers that are down, and their x */
  const down = new Map();
  /** @type {{from: number, isPan: boolean, isDragged: boolean} | null} */
  let drag = null;
  let pinchWidth = 0;

  /** @param {MouseEvent} event */
  const xOf = (event) => event.clientX - element.getBoundingClientRect().left;
  /** @param {MouseEvent} event */
  const yOf = (event) => event.clientY - element.getBoundingClientRect().top;

  const pinch = () => {
    const [a = NaN, b = NaN] = down.values();
    const width = Math.max(Math.abs(a - b), 20);
    if (pinchWidth > 0 && width !== pinchWidth) target.zoom(pinchWidth / width, (a + b) / 2);
    pinchWidth = width;
  };

  /** @param {PointerEvent} event */
  const pressed = (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    down.set(event.pointerId, xOf(event));
    pinchWidth = 0;
    if (event.pointerType === "mouse") drag = { from: xOf(event), isPan: event.shiftKey, isDragged: false };
    else if (down.size === 1) target.point(xOf(event), yOf(event));
  };

  /** @param {PointerEvent} event */
  const moved = (event) => {
    const x = xOf(event);
    const before = down.get(event.pointerId);
    if (before !== undefined) down.set(event.pointerId, x);
    if (down.size === 2) return pinch();
    if (drag === null || before === undefined) return target.point(x, yOf(event));
    drag.isDragged ||= Math.abs(x - drag.from) >= DRAG_FROM_PIXELS;
    if (drag.isPan) target.pan(before - x);
    else if (drag.isDragged) target.selecting(drag.from, x);
  };

  /** @param {PointerEvent} event */
  const released = (event) => {
    const x = xOf(event);
    if (drag !== null && !drag.isPan) {
      if (drag.isDragged) target.selected(drag.from, x);
      else target.pick(x);
    }
    forget(event);
  };

  /** @param {PointerEvent} event */
  const cancelled = (event) => {
    if (drag?.isDragged) target.unselected();
    forget(event);
  };

  /** @param {PointerEvent} event */
  const forget = (event) => {
    down.delete(event.pointerId);
    drag = null;
    pinchWidth = 0;
  };

  /** @param {WheelEvent} event */
  const scrolled = (event) => {
    const isZoom = event.ctrlKey || event.metaKey || target.takesWheel();
    const isSideways = Math.abs(event.deltaX) > Math.abs(event.deltaY) || (event.shiftKey && !isZoom);
    if (!isZoom && !isSideways) return;
    event.preventDefault();
    if (isSideways) target.pan(event.deltaX || event.deltaY);
    else target.zoom(Math.exp(Math.max(-50, Math.min(50, event.deltaY)) * 0.006), xOf(event));
  };

  element.addEventListener("pointerdown", pressed, { signal });
  element.addEventListener("pointermove", moved, { signal });
  element.addEventListener("pointerup", released, { signal });
  element.addEventListener("pointercancel", cancelled, { signal });
  element.addEventListener("dblclick", () => target.reset(), { signal });
  element.addEventListener("wheel", scrolled, { signal, passive: false });
}
