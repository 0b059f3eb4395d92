import { Component } from "../dom/component.js";
import { fill, h, make, s } from "../dom/h.js";
import { icon } from "../components/icon.js";
import { MenuButton } from "../components/menu_button.js";
import { emptyState, errorState, loadingState } from "../components/states.js";
import { toastError } from "../components/toast.js";
import { SignInView } from "../views/sign_in/sign_in_view.js";
import { Unreachable } from "../http/problem.js";
import { request } from "../http/request.js";
import { ConnectionState } from "./connection_state.js";
import { focusStart, keepFocus } from "./focus_keeper.js";
import { hrefOf } from "./location.js";
import { currentMatch, onNavigated } from "./router.js";
import { routes } from "./routes.js";
import { datasetNames, jobs, session, sketches } from "./services.js";
import { THEMES, chooseTheme, currentTheme } from "./theme.js";

/** @import { View } from "./view.js" */
/** @import { Route } from "./routes.js" */
/** @import { Match } from "./router.js" */

const THEME_LABELS = { system: "As the system", light: "Light", dark: "Dark" };
/** @type {Record<string, "system" | "sun" | "moon">} */
const THEME_ICONS = { system: "system", light: "sun", dark: "moon" };

/** The page's frame: header, navigation, and the view that the link names, or the one to sign in. */
export class Shell extends Component {
  #nav = h("nav", { class: "shell-nav", "aria-label": "Views" });
  #main = h("main", { id: "main", tabindex: -1 });
  #settings = h("a", { class: "button quiet icon", hidden: true, href: hrefOf("/settings"), "aria-label": "Settings", title: "Settings" }, icon("settings"));
  #account = make(MenuButton, { icon: "person", label: "Account", items: () => this.#accountItems() });
  /** @type {string | null} Of the view that is shown, or is loaded. */
  #path = null;
  /** @type {View | null} Once it is loaded. */
  #view = null;
  #hasShown = false;
  /** @type {AbortController | null} Ends what is followed while somebody is signed in. */
  #signedIn = null;

  build() {
    const theme = make(MenuButton, { icon: THEME_ICONS[currentTheme()] ?? "system", label: "Theme" });
    theme.items = () =>
      THEMES.map((name) => ({
        label: THEME_LABELS[name],
        checked: name === currentTheme(),
        act: () => {
          chooseTheme(name);
          theme.icon = THEME_ICONS[name] ?? "system";
          theme.changed();
        },
      }));
    this.append(
      h(
        "header",
        { class: "shell-header" },
        h("button", { type: "button", class: "button shell-skip", on: { click: () => this.#main.focus() } }, "Skip to content"),
        h("a", { class: "shell-brand", href: hrefOf("/"), "aria-label": "pretrain, all jobs" }, logo(), h("span", {}, "pretrain")),
        this.#nav,
        h("div", { class: "shell-end" }, make(ConnectionState), this.#settings, theme, this.#account),
      ),
      this.#main,
    );
  }

  /** @param {AbortSignal} signal */
  connected(signal) {
    session.addEventListener("change", () => this.#onSession(), { signal });
    onNavigated(() => this.#show(), signal);
    keepFocus(this.#main, signal);
    this.#start();
  }

  async #start() {
    fill(this.#main, loadingState("Connecting"));
    // Meanwhile, so that the view does not come a moment later; `#load` tells if it can't be had.
    void Promise.allSettled([currentMatch().route?.load()]);
    try {
      await session.load();
      this.#onSession();
    } catch (error) {
      fill(this.#main, errorState(error, () => this.#start()));
    }
  }

  #onSession() {
    const isSignedIn = session.record !== null;
    this.#settings.hidden = !isSignedIn;
    this.#account.hidden = !isSignedIn || !session.needsSignIn;
    if (session.record !== null) this.#account.heading = `Signed in as ${session.record.name ?? "nobody"}`;
    this.#account.changed();
    if (isSignedIn && this.#signedIn === null) {
      this.#signedIn = new AbortController();
      jobs.open(AbortSignal.any([this.signal, this.#signedIn.signal]));
      this.#show();
    } else if (!isSignedIn) {
      this.#signedIn?.abort();
      this.#signedIn = null;
      // Whoever signs in next may be allowed to see less.
      for (const known of [jobs, sketches, datasetNames]) known.clear();
      this.#path = this.#view = null;
      fill(this.#nav);
      this.#put(make(SignInView), "Sign in");
    }
  }

  #accountItems() {
    return [{ label: "Sign out", act: () => this.#signOut() }];
  }

  async #signOut() {
    try {
      await session.signOut();
    } catch (error) {
      toastError("You could not be signed out", error);
    }
  }

  /** Show the view that the link names, once it is loaded. */
  async #show() {
    if (this.#signedIn === null) return;
    const match = currentMatch();
    this.#showNav(match);
    if (match.route === null) {
      this.#path = this.#view = null;
      const link = h("a", { class: "button", href: hrefOf("/") }, "All jobs");
      this.#put(h("div", { class: "view" }, h("h1", { class: "unseen", tabindex: -1 }, "Not found"), emptyState("There is nothing here", link)), "Not found");
      return;
    }
    // One that is still loading looks at the link by itself.
    if (match.path === this.#path) this.#view?.arrive(match);
    else await this.#load(match, match.route);
  }

  /**
   * A view belongs to a path, also where the route is the same: what was begun on one job is not taken to the next.
   * @param {Match} match
   * @param {Route} route
   */
  async #load({ path }, route) {
    this.#path = path;
    this.#view = null;
    const timer = setTimeout(() => fill(this.#main, loadingState()), 200);
    try {
      const { default: ViewClass } = await route.load();
      if (this.#path !== path || this.#signedIn === null) return; // somebody went on meanwhile
      this.#view = make(ViewClass);
      this.#view.arrive(currentMatch()); // its query may have changed while the module was loaded
      this.#put(this.#view, route.title);
    } catch (error) {
      if (this.#path !== path) return;
      this.#path = this.#view = null;
      const reason = await whyUnreachable();
      fill(this.#main, errorState(reason ?? error, () => location.reload()));
      if (reason === null) throw error; // a module with a fault is one for the console too
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * @param {Element} element
   * @param {string} title
   */
  #put(element, title) {
    document.title = `${title} · pretrain`;
    fill(this.#main, element);
    scrollTo(0, 0);
    // Whoever came by a link is told where they are; the first view leaves the focus where it was.
    if (this.#hasShown) focusStart(this.#main);
    this.#hasShown = true;
  }

  /** @param {Match} match */
  #showNav({ route }) {
    fill(
      this.#nav,
      ...routes
        .filter(({ label }) => label !== undefined)
        .map(({ path, label }) =>
          h("a", { href: hrefOf(path), "aria-current": route?.path === path ? "page" : null }, label ?? ""),
        ),
    );
  }
}
customElements.define("page-shell", Shell);

/** @returns {Promise<Unreachable | null>} null if the service answers, whatever it says */
async function whyUnreachable() {
  try {
    await request("GET", "healthz");
  } catch (error) {
    if (error instanceof Unreachable) return error;
  }
  return null;
}

function logo() {
  return s(
    "svg",
    { viewBox: "0 0 32 32", "aria-hidden": "true" },
    s("rect", { width: 32, height: 32, rx: 7, fill: "#2f5fd0" }),
    s("path", { d: "M6 8c3 11 7 15 20 16", fill: "none", stroke: "#fff", "stroke-width": 3, "stroke-linecap": "round" }),
    s("path", { d: "M6 13c4 6 7 8 11 8 4 0 6-2 9-6", fill: "none", stroke: "#ffb454", "stroke-width": 3, "stroke-linecap": "round" }),
  );
}
