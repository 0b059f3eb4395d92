/**
 * Have a button do nothing for now, and say so. Unlike `disabled` alone it keeps the focus: whoever has pressed "Next" until there is
 * nothing next, or waits for what they have sent, stays where they are, also by keyboard and with a screen reader.
 * @param {HTMLButtonElement} button
 * @param {boolean} isDisabled
 */
export function setDisabled(button, isDisabled) {
  if (!guarded.has(button)) {
    guarded.add(button);
    // A form that is sent by Enter in a field presses its button too.
    button.addEventListener("click", (event) => isDisabledNow(button) && (event.preventDefault(), event.stopImmediatePropagation()), { capture: true });
  }
  if (isDisabled === isDisabledNow(button)) return;
  if (isDisabled) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}

/** @param {Element} button */
export function isDisabledNow(button) {
  return button.getAttribute("aria-disabled") === "true";
}

/** @type {WeakSet<HTMLButtonElement>} */
const guarded = new WeakSet();
