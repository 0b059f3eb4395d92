/**
 * Elements, made without HTML: text that people and models wrote can become text nodes only.
 *
 * There is no way through here to `innerHTML`, to a handler that is a string, to a `style` attribute (which the
 * page's Content-Security-Policy forbids) or to a link that runs a script.
 */

/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Child | Child[]} Children */
/** @typedef {string | number | boolean | null | undefined} AttributeValue */

/**
 * `class`: one string. `on`: listeners by event. `vars`: custom properties of CSS by name. `data`: data attributes.
 * Everything else is an attribute: true sets it empty, false, null and undefined leave it out; those of `PROPERTIES`
 * are set as properties, because their attribute is a default only.
 * @typedef {{
 *   class?: string,
 *   on?: Record<string, (event: any) => void>,
 *   vars?: Record<string, string | number>,
 *   data?: Record<string, string>,
 *   [attribute: string]: unknown,
 * }} Props
 */

const PROPERTIES = new Set(["value", "checked", "indeterminate", "selected", "disabled", "open", "hidden"]);
const FORBIDDEN = /^(on.*|style|srcdoc|innerhtml|outerhtml|formaction)$/i;
const LINKS = new Set(["href", "src", "action"]);
const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element with its attributes and children.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Props} [props]
 * @param {...Children} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  apply(element, props);
  element.append(...nodes(children));
  return element;
}

/**
 * An SVG element with its attributes and children.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Props} [props]
 * @param {...Children} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function s(tag, props = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  apply(element, props);
  element.append(...nodes(children));
  return element;
}

/**
 * A custom element of that class, with its attributes and properties of its own.
 * @template {HTMLElement} E
 * @param {new () => E} constructor
 * @param {Partial<E>} [properties]  of the element itself
 * @param {Props} [props]  as for `h`
 * @returns {E}
 */
export function make(constructor, properties = {}, props = {}) {
  const element = new constructor();
  apply(element, props);
  return Object.assign(element, properties);
}

/**
 * Give an element other children, and say so only where they are others: equal text stays as it is, which keeps
 * selections, and screen readers quiet.
 * @param {Element} element
 * @param {...Children} children
 */
export function fill(element, ...children) {
  const wanted = nodes(children);
  const only = wanted.length === 1 ? wanted[0] : undefined;
  if (typeof only === "string" && element.childNodes.length === 1 && element.firstChild instanceof Text) {
    if (element.firstChild.data !== only) element.firstChild.data = only;
    return;
  }
  element.replaceChildren(...wanted);
}

/**
 * @param {Element} element
 * @param {Props} props
 */
export function apply(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (name === "class") {
      if (value) element.setAttribute("class", String(value));
    } else if (name === "on") {
      for (const [event, listener] of Object.entries(props.on ?? {})) element.addEventListener(event, listener);
    } else if (name === "vars") {
      const { style } = /** @type {HTMLElement | SVGElement} */ (element);
      for (const [variable, given] of Object.entries(props.vars ?? {})) style.setProperty(variable, String(given));
    } else if (name === "data") {
      for (const [key, given] of Object.entries(props.data ?? {})) element.setAttribute(`data-${key}`, given);
    } else {
      setAttribute(element, name, /** @type {AttributeValue} */ (value));
    }
  }
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {AttributeValue} value
 */
function setAttribute(element, name, value) {
  if (FORBIDDEN.test(name)) throw new TypeError(`${name} can't be set: it would be read as code`);
  if (LINKS.has(name) && value != null) refuseCode(name, String(value));
  if (PROPERTIES.has(name) && name in element) {
    if (value !== undefined) Reflect.set(element, name, value);
  } else if (value === true) {
    element.setAttribute(name, "");
  } else if (value !== false && value != null) {
    element.setAttribute(name, String(value));
  }
}

/**
 * @param {string} name
 * @param {string} url
 */
function refuseCode(name, url) {
  const { protocol } = new URL(url, "https://relative.invalid/");
  if (!["http:", "https:", "blob:"].includes(protocol) && !url.startsWith("data:image/")) {
    throw new TypeError(`${name} can't be ${protocol}: only links to pages, files and images are`);
  }
}

/**
 * @param {Children[]} children
 * @returns {(Node | string)[]}
 */
function nodes(children) {
  return children.flat().flatMap((child) => {
    if (child == null || child === false) return [];
    return typeof child === "number" ? [String(child)] : [child];
  });
}
