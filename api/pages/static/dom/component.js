/**
 * What the page's custom elements derive from. An element's life:
 *
 *   build()            once, before it is first shown: makes its children
 *   connected(signal)  whenever it is put into the document; `signal` aborts when it is taken out, so whatever
 *                      listens, fetches or waits takes it, and nothing is left behind
 *   render()           after `connected`, and once a frame after any number of calls of `changed()`
 */
export class Component extends HTMLElement {
  #isBuilt = false;
  #isDirty = false;
  /** @type {AbortController | null} */
  #life = null;

  /** Aborts when the element is taken out of the document. */
  get signal() {
    return this.#life?.signal ?? AbortSignal.abort();
  }

  connectedCallback() {
    this.#life = new AbortController();
    if (!this.#isBuilt) {
      this.#isBuilt = true;
      this.build();
    }
    this.connected(this.#life.signal);
    this.render();
  }

  disconnectedCallback() {
    this.#life?.abort();
    this.#life = null;
  }

  /** Have it rendered with the next frame. */
  changed() {
    if (this.#isDirty || this.#life === null) return;
    this.#isDirty = true;
    requestAnimationFrame(() => {
      this.#isDirty = false;
      if (this.#life !== null) this.render();
    });
  }

  /**
   * Tell whoever listens.
   * @param {string} type
   * @param {unknown} [detail]
   * @returns {boolean} whether nobody prevented what follows
   */
  emit(type, detail) {
    return this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, cancelable: true }));
  }

  build() {}

  /** @param {AbortSignal} _signal */
  connected(_signal) {}

  render() {}
}
