import { Component } from "../dom/component.js";
import { currentMatch, setQuery } from "./router.js";

/** @import { Query } from "./location.js" */
/** @import { Match } from "./router.js" */

/**
 * What all views derive from: the element that fills the page below its header.
 *
 * `params` are the variable parts of its path, `query` the state in its link. When only the query changes, the view
 * stays and is rendered again. Its first `h1` gets the focus when one arrives.
 */
export class View extends Component {
  /** @type {Record<string, string>} */
  params = {};
  query = new URLSearchParams();
  #path = "";

  /** @param {Pick<Match, "path" | "params" | "query">} match */
  arrive({ path, params, query }) {
    this.#path = path;
    this.params = params;
    this.query = query;
    this.changed();
  }

  /** Whether the link is still its own: the view stays while the next one is loaded. */
  get isHere() {
    return this.#path === currentMatch().path;
  }

  /**
   * Change some of the query in its link, and leave the rest: null and false take one out. Another view's link stays as
   * it is.
   * @param {Query} changes
   * @param {{replace?: boolean}} [options]
   */
  setQuery(changes, options) {
    if (this.isHere) setQuery(changes, options);
  }

  /**
   * What the document is called while one is here, if the route's title does not say enough.
   * @param {string} title
   */
  set pageTitle(title) {
    document.title = `${title} · pretrain`;
  }
}
