import { setDisabled } from "../../components/disabled.js";
import { field } from "../../components/field.js";
import { toastError } from "../../components/toast.js";
import { h } from "../../dom/h.js";
import { stylesheet } from "../../dom/stylesheet.js";
import { Problem, RequestFailed } from "../../http/problem.js";
import { session } from "../../page/services.js";
import { View } from "../../page/view.js";

await stylesheet(import.meta.url, "sign_in.css");

/** Asks for an access token. The link stays: whoever signs in is where they wanted to go. */
export class SignInView extends View {
  #token = field(
    "Access token",
    h("input", { type: "password", autocomplete: "current-password", spellcheck: "false", autocapitalize: "off", name: "token" }),
    { hint: "It begins with pt_. Whoever runs the service makes one with “pretrain token create”.", isRequired: true },
  );
  #button = h("button", { class: "button primary" }, "Sign in");

  build() {
    const submit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      this.#signIn();
    };
    this.append(
      h(
        "form",
        { class: "panel panel-body stack sign-in", on: { submit }, novalidate: true },
        h("h1", {}, "Sign in"),
        this.#token.element,
        this.#button,
      ),
    );
  }

  async #signIn() {
    const token = this.#token.control.value.trim();
    if (!token) {
      this.#refuse("Paste the token that you were given.");
      return;
    }
    setDisabled(this.#button, true);
    this.#token.setError(null);
    try {
      await session.signIn(token);
    } catch (error) {
      if (error instanceof Problem && [401, 422].includes(error.status)) {
        this.#refuse(error.status === 401 ? "The service does not know this token, or it has ended." : error.message);
      } else if (error instanceof RequestFailed) {
        toastError("You could not be signed in", error);
      } else {
        throw error;
      }
    } finally {
      setDisabled(this.#button, false);
    }
  }

  /** @param {string} reason */
  #refuse(reason) {
    this.#token.setError(reason);
    this.#token.control.focus();
  }
}
customElements.define("sign-in-view", SignInView);
export default SignInView;
