import { copyText } from "../../components/clipboard.js";
import { ask } from "../../components/dialog.js";
import { field } from "../../components/field.js";
import { icon } from "../../components/icon.js";
import { toast, toastError } from "../../components/toast.js";
import { h } from "../../dom/h.js";
import { NOTHING } from "../../format/numbers.js";
import { fullTime } from "../../format/times.js";
import { Problem, RequestFailed } from "../../http/problem.js";
import { get, post, remove } from "../../http/request.js";
import { session } from "../../page/services.js";
import { FetchedPanel } from "./fetched_panel.js";
import { since, tableOf } from "./rows.js";

/** @import { NewTokenRecord, TokenRecord } from "../../types/records.d.ts" */

const DAY_S = 24 * 3600;
const LIFETIMES = { "Never ends": null, "30 days": 30 * DAY_S, "90 days": 90 * DAY_S, "1 year": 365 * DAY_S };
/** @type {Record<string, string[]>} */
const SCOPES = { "Read": ["read"], "Read and write": ["read", "write"], "Administer": ["read", "write", "admin"] };

/**
 * Who may use the service.
 * @extends {FetchedPanel<{data: TokenRecord[]}>}
 */
export class TokensPanel extends FetchedPanel {
  /** @param {AbortSignal} signal */
  read(signal) {
    return get("tokens", { signal });
  }

  /** @param {{data: TokenRecord[]}} answer */
  show({ data }) {
    const create = h("button", { type: "button", class: "button primary", on: { click: () => this.#create() } }, icon("add"), "New token");
    return [
      h("div", { class: "row" }, h("p", { class: "muted" }, session.needsSignIn ? "Whoever has a token's text may do what it allows." : "Nobody needs a token now: everybody who reaches this service may do everything. From the first token on everybody needs one."), h("div", { class: "row-end" }, create)),
      data.length > 0 && tableOf("Tokens", ["Name", "Owner", "Allows", "Made", "Last used", "Ends", ""], data.map((token) => this.#row(token))),
    ].filter((child) => child !== false);
  }

  /**
   * @param {TokenRecord} token
   * @returns {import("../../dom/h.js").Children[]}
   */
  #row(token) {
    const { name, owner, scopes, created_at: created, last_used_at: used, expires_at: expires, revoked_at: revoked } = token;
    const revoke = h("button", { type: "button", class: "button danger", "aria-label": `Revoke ${name}`, on: { click: () => this.#revoke(token) } }, "Revoke");
    return [name, owner, scopes.join(", "), since(created), since(used), expires === null ? "never" : fullTime(expires), revoked === null ? revoke : h("span", { class: "muted" }, "revoked")];
  }

  async #create() {
    const isFirst = !session.needsSignIn;
    const name = field("Name", h("input", { maxlength: 200, autofocus: true }), { hint: "Of who or what uses it", isRequired: true });
    const scope = field("Allows", h("select", {}, Object.keys(SCOPES).map((label) => h("option", { selected: label === (isFirst ? "Administer" : "Read and write") }, label))), { hint: isFirst ? "The first one is an administrator's: from it on everybody has to sign in." : "To see; to start and change jobs too; to change what is others', and to make tokens." });
    const owner = field("Owner", h("input", { maxlength: 200, placeholder: "its name" }), { hint: "Whose the jobs and texts are that it makes" });
    const lifetime = field("Ends", h("select", {}, Object.keys(LIFETIMES).map((label) => h("option", {}, label))));
    /** @type {NewTokenRecord | null} */
    let made = null;
    const act = async () => {
      const json = {
        name: name.control.value.trim(),
        scopes: SCOPES[scope.control.value],
        owner: owner.control.value.trim() || null,
        expires_in_s: LIFETIMES[/** @type {keyof typeof LIFETIMES} */ (lifetime.control.value)],
      };
      try {
        made = await post("tokens", { json });
        return true;
      } catch (error) {
        if (!(error instanceof RequestFailed)) throw error;
        const messages = error instanceof Problem ? error.byField : new Map();
        for (const [id, each] of Object.entries({ name, scopes: scope, owner })) each.setError(messages.get(id) ?? null);
        if (messages.size === 0) toastError("The token could not be made", error);
        return false;
      }
    };
    const body = [name.element, scope.element, owner.element, lifetime.element];
    if (!(await ask({ title: "New token", body, confirm: "Make the token", act }))) return;
    if (made !== null) await showToken(made);
    if (isFirst) await session.load();
    else await this.load();
  }

  /** @param {TokenRecord} token */
  async #revoke({ id, name }) {
    const body = h("p", {}, "Whoever uses it is signed out at once, and for good.");
    if (!(await ask({ title: `Revoke ${name}?`, body, confirm: "Revoke it", danger: true }))) return;
    try {
      await remove(`tokens/${encodeURIComponent(id)}`);
      toast(`${name} is revoked.`);
      await this.load();
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      toastError(`${name} could not be revoked`, error);
    }
  }
}
customElements.define("tokens-panel", TokensPanel);

/** @param {NewTokenRecord} record */
async function showToken({ name, token }) {
  const text = h("input", { class: "input mono", readonly: true, value: token, "aria-label": `Text of ${name || NOTHING}`, on: { focus: () => text.select() } });
  const body = [h("p", {}, "Keep it now: it is shown this once."), text];
  if (await ask({ title: `The token ${name}`, body, confirm: "Copy it", decline: "Close" })) await copyText(token, "The token");
}
