import { ask } from "../../components/dialog.js";
import { copyText } from "../../components/clipboard.js";
import { field } from "../../components/field.js";
import { icon } from "../../components/icon.js";
import { toast, toastError } from "../../components/toast.js";
import { fill, h } from "../../dom/h.js";
import { counted, integer, NOTHING } from "../../format/numbers.js";
import { Problem, RequestFailed, isAborted } from "../../http/problem.js";
import { get, pages, post, remove } from "../../http/request.js";
import { FetchedPanel } from "./fetched_panel.js";
import { since, tableOf } from "./rows.js";

/** @import { DeliveryRecord, WebhookRecord } from "../../types/records.d.ts" */

const EVENTS = ["job.queued", "job.running", "job.paused", "job.succeeded", "job.failed", "job.cancelled", "job.deleted", "alert"];
const USUAL = new Set(["job.paused", "job.succeeded", "job.failed", "job.cancelled", "alert"]);

/**
 * Who is told of what happens, and how that went.
 * @extends {FetchedPanel<WebhookRecord[]>}
 */
export class WebhooksPanel extends FetchedPanel {
  /** @param {AbortSignal} signal */
  async read(signal) {
    const webhooks = [];
    for await (const page of pages("webhooks", { signal })) webhooks.push(...page);
    return webhooks;
  }

  /** @param {WebhookRecord[]} webhooks */
  show(webhooks) {
    const create = h("button", { type: "button", class: "button primary", on: { click: () => this.#create() } }, icon("add"), "New webhook");
    return [
      h("div", { class: "row" }, h("p", { class: "muted" }, "Addresses that are told when jobs end, pause or raise an alert, by a signed POST."), h("div", { class: "row-end" }, create)),
      ...webhooks.map((webhook) => this.#entry(webhook)),
    ];
  }

  /** @param {WebhookRecord} webhook */
  #entry(webhook) {
    const { url, events, status, detail, failures, created_at: created } = webhook;
    const deliveries = h("div", {});
    const details = h("details", { on: { toggle: () => details.open && this.#showDeliveries(webhook, deliveries) } }, h("summary", {}, "Deliveries"), deliveries);
    const words = status === "disabled" ? `disabled: ${detail ?? ""}` : failures > 0 ? `${counted(failures, "attempt")} failed since the last that succeeded` : "enabled";
    return h(
      "article",
      { class: "settings-webhook stack" },
      h("div", { class: "row" }, h("h2", {}, url), h("div", { class: "row-end" }, h("button", { type: "button", class: "button danger", "aria-label": `Delete ${url}`, on: { click: () => this.#delete(webhook) } }, "Delete"))),
      h("p", { class: status === "disabled" || failures > 0 ? "settings-warn" : "muted" }, words, " · made ", since(created)),
      h("p", {}, ...events.map((event) => h("span", { class: "tag" }, h("span", {}, event)))),
      details,
    );
  }

  /**
   * @param {WebhookRecord} webhook
   * @param {Element} place
   */
  async #showDeliveries({ id }, place) {
    try {
      /** @type {{data: DeliveryRecord[]}} */
      const { data } = await get(`webhooks/${encodeURIComponent(id)}/deliveries`, { signal: this.signal });
      fill(place, data.length === 0 ? h("p", { class: "muted" }, "None within a week.") : tableOf("Deliveries", ["Event", "State", "Attempts", "Answer", "Made"], data.map(deliveryRow)));
    } catch (error) {
      if (isAborted(error)) return;
      if (!(error instanceof RequestFailed)) throw error;
      fill(place, h("p", { class: "muted" }, error.message));
    }
  }

  async #create() {
    const url = field("Address", h("input", { type: "url", placeholder: "https://", maxlength: 2000, autofocus: true }), { hint: "Where deliveries are posted to", isRequired: true });
    const checks = EVENTS.map((event) => ({ event, check: h("input", { type: "checkbox", checked: USUAL.has(event) }) }));
    const events = h("fieldset", { class: "stack" }, h("legend", { class: "label" }, "Told of"), ...checks.map(({ event, check }) => h("label", { class: "check" }, check, event)));
    /** @type {WebhookRecord | null} */
    let made = null;
    const act = async () => {
      try {
        made = await post("webhooks", { json: { url: url.control.value.trim(), events: checks.filter(({ check }) => check.checked).map(({ event }) => event) } });
        return true;
      } catch (error) {
        if (!(error instanceof RequestFailed)) throw error;
        const messages = error instanceof Problem ? error.byField : new Map();
        url.setError(messages.get("url") ?? null);
        if (!messages.has("url")) toastError("The webhook could not be added", error);
        return false;
      }
    };
    if (!(await ask({ title: "New webhook", body: [url.element, events], confirm: "Add it", act }))) return;
    if (made !== null) await showSecret(made);
    await this.load();
  }

  /** @param {WebhookRecord} webhook */
  async #delete({ id, url }) {
    const body = h("p", {}, "With the list of its deliveries. What it has not been told yet it never is.");
    if (!(await ask({ title: `Delete ${url}?`, body, confirm: "Delete it", danger: true }))) return;
    try {
      await remove(`webhooks/${encodeURIComponent(id)}`);
      toast("The webhook is deleted.");
      await this.load();
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      toastError("The webhook could not be deleted", error);
    }
  }
}
customElements.define("webhooks-panel", WebhooksPanel);

/**
 * @param {DeliveryRecord} delivery
 * @returns {import("../../dom/h.js").Children[]}
 */
function deliveryRow({ type, status, attempts, response_code: code, error, created_at: created }) {
  return [type, status, integer(attempts), [code === null ? NOTHING : String(code), error].filter(Boolean).join(" · "), since(created)];
}

/** @param {WebhookRecord} record */
async function showSecret({ secret }) {
  if (secret === null) return;
  const text = h("input", { class: "input mono", readonly: true, value: secret, "aria-label": "Secret", on: { focus: () => text.select() } });
  const body = [h("p", {}, "Deliveries are signed with it. Keep it now: it is shown this once."), text];
  if (await ask({ title: "The webhook's secret", body, confirm: "Copy it", decline: "Close" })) await copyText(secret, "The secret");
}
