/** What can have the focus by Tab. */
const FOCUSABLE = 'a[href], button, input, select, textarea, summary, [tabindex]:not([tabindex="-1"])';
/** What comes and goes on top of the page: who leaves it goes on where they were before. */
const ON_TOP = "dialog, [popover], .toasts";

/**
 * Keeps the focus when what has it goes: a row that is deleted, a button whose action makes it needless, a part that is drawn anew.
 * Browsers put it to the start of the document then, and whoever works by keyboard or listens is lost. It goes to what took the place:
 * the control of the same name, or else the next one that was there.
 * @param {HTMLElement} main  which gets it, or its heading, where nothing is left of what was there
 * @param {AbortSignal} signal
 */
export function keepFocus(main, signal) {
  /** @type {Place | null} */
  let place = null;
  const note = (/** @type {FocusEvent} */ { target }) => {
    if (target instanceof HTMLElement && target.closest(ON_TOP) === null) place = placeOf(target);
  };
  // Who presses beside everything leaves the focus on purpose.
  const leave = () => (place = null);
  const hand = () => {
    if (place === null || canHaveFocus(place.element)) return;
    // Of a view that is gone nothing is next but the one that has come.
    const isOfGoneView = place.within.includes(main) && !place.within.some((each) => each !== main && main.contains(each));
    const next = isOfGoneView ? null : successorOf(place);
    if (next !== null) next.focus({ preventScroll: true });
    else focusStart(main);
  };
  const isNowhere = () => document.activeElement === document.body || document.activeElement === null;
  const observer = new MutationObserver((records) => {
    if (isNowhere()) hand();
    // What is hidden or disabled loses the focus only when the browser draws; to look before would have it lay out the page each time.
    else if (records.some(({ type }) => type === "attributes")) {
      requestAnimationFrame(() => (document.activeElement === place?.element || isNowhere()) && hand());
    }
  });
  document.addEventListener("focusin", note, { signal });
  document.addEventListener("pointerdown", leave, { signal, capture: true });
  observer.observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["hidden", "disabled"] });
  signal.addEventListener("abort", () => observer.disconnect());
}

/**
 * Give the focus to a view's heading, of which screen readers then say where one is, or to the view where it has none yet.
 * @param {HTMLElement} main
 */
export function focusStart(main) {
  const heading = main.querySelector("h1");
  if (heading !== null && heading.checkVisibility()) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  } else {
    main.focus({ preventScroll: true });
  }
}

/** @typedef {{element: HTMLElement, name: string, around: Element[], within: Element[]}} Place */

/**
 * @param {HTMLElement} element
 * @returns {Place}
 */
function placeOf(element) {
  const within = [];
  for (let parent = element.parentElement; parent !== null; parent = parent.parentElement) within.push(parent);
  return { element, name: nameOf(element), around: [...document.querySelectorAll(FOCUSABLE)], within };
}

/** @param {Place} place */
function successorOf({ element, name, around, within }) {
  const parent = within.find((each) => each.isConnected);
  const inPlace = [...(parent?.querySelectorAll(FOCUSABLE) ?? [])].filter((other) => nameOf(other) === name);
  const at = around.indexOf(element);
  const others = at < 0 ? [] : [...around.slice(at + 1), ...around.slice(0, at).toReversed()];
  return [...(inPlace.length === 1 ? inPlace : []), ...others].filter((other) => other instanceof HTMLElement).find(canHaveFocus) ?? null;
}

/** @param {HTMLElement} element */
function canHaveFocus(element) {
  return element.isConnected && !element.matches(":disabled") && element.checkVisibility({ visibilityProperty: true });
}

/** @param {Element} element */
function nameOf(element) {
  return `${element.localName} ${element.getAttribute("aria-label") ?? element.textContent?.trim()}`;
}
