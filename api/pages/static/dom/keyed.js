/**
 * Give a parent one child for each item, in their order: those that stay keep their element, and with it focus,
 * selection and scroll positions.
 * @template T
 * @param {Element} parent
 * @param {readonly T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => Element} make  the element of an item that is new
 * @param {(element: Element, item: T) => void} update  called for each, new or not
 */
export function keyed(parent, items, keyOf, make, update) {
  const before = elementsOf(parent);
  /** @type {Map<string, Element>} */
  const after = new Map();
  for (const item of items) {
    const key = keyOf(item);
    const element = before.get(key) ?? make(item);
    update(element, item);
    after.set(key, element);
  }
  for (const [key, element] of before) if (!after.has(key)) element.remove();
  let next = parent.firstElementChild;
  for (const element of after.values()) {
    if (element === next) next = next.nextElementSibling;
    else parent.insertBefore(element, next);
  }
  children.set(parent, after);
}

/** @type {WeakMap<Element, Map<string, Element>>} */
const children = new WeakMap();

/** @param {Element} parent */
function elementsOf(parent) {
  return children.get(parent) ?? new Map();
}
