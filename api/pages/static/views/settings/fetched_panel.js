import { errorState, loadingState } from "../../components/states.js";
import { Component } from "../../dom/component.js";
import { fill } from "../../dom/h.js";
import { RequestFailed, isAborted } from "../../http/problem.js";

/** @import { Children } from "../../dom/h.js" */

/**
 * A panel of what the service says when it is asked: whenever the panel is shown, and after what was done in it.
 * @template T
 */
export class FetchedPanel extends Component {
  /** @type {boolean} */
  #isShown = false;

  get isShown() {
    return this.#isShown;
  }
  set isShown(isShown) {
    const isNew = isShown && !this.#isShown;
    this.#isShown = isShown;
    if (isNew) this.load();
  }

  build() {
    this.className = "panel-body stack";
    fill(this, loadingState());
  }

  /** Ask, and show what is answered. */
  async load() {
    try {
      const answer = await this.read(this.signal);
      fill(this, ...[this.show(answer)].flat());
    } catch (error) {
      if (isAborted(error)) return;
      if (!(error instanceof RequestFailed)) throw error;
      fill(this, errorState(error, () => this.load()));
    }
  }

  /**
   * @param {AbortSignal} _signal
   * @returns {Promise<T>}
   */
  read(_signal) {
    throw new TypeError("a panel says what it reads");
  }

  /**
   * @param {T} _answer
   * @returns {Children}
   */
  show(_answer) {
    throw new TypeError("a panel says how it is shown");
  }
}
