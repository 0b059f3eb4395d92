import { errorState, loadingState } from "../../components/states.js";
import { timeSince } from "../../components/time_since.js";
import { Component } from "../../dom/component.js";
import { fill, h } from "../../dom/h.js";
import { keyed } from "../../dom/keyed.js";
import { counted } from "../../format/numbers.js";
import { eventInWords } from "./event_words.js";

/** @import { JobEvents } from "./job_events.js" */
/** @import { EventRecord } from "../../types/records.d.ts" */

/** What happened to the job, the newest first. */
export class EventsPanel extends Component {
  /** @type {JobEvents | null} */
  events = null;

  #all = h("input", { type: "checkbox" });
  #count = h("p", { class: "muted small row-end", role: "status" });
  #list = h("ol", { role: "list", class: "event-list", "aria-label": "Events, the newest first" });
  #state = h("div");
  #older = h("button", { type: "button", class: "button", on: { click: () => this.events?.loadOlder() } }, "Older events");

  build() {
    this.append(
      h("div", { class: "row panel-body" }, h("label", { class: "check" }, this.#all, "Evaluations and samples too"), this.#count),
      this.#list,
      this.#state,
      h("div", { class: "event-older" }, this.#older),
    );
    this.#all.addEventListener("change", () => {
      this.events?.showFrequent(this.#all.checked);
      this.changed();
    });
  }

  render() {
    const { events } = this;
    if (events === null) return;
    const shown = events.shown.toReversed();
    fill(this.#count, events.hasOlder ? `the newest ${counted(shown.length, "event")}` : counted(shown.length, "event"));
    this.#older.hidden = !events.hasOlder;
    keyed(this.#list, shown, ({ id }) => id, (event) => entry(event), () => {});
    if (events.state === "failed") fill(this.#state, errorState(events.error, () => events.load()));
    else fill(this.#state, events.state === "loading" && loadingState("Loading events"));
  }
}
customElements.define("events-panel", EventsPanel);

/** @param {EventRecord} event */
function entry(event) {
  const { title, detail, tone } = eventInWords(event);
  return h(
    "li",
    { class: "event", data: { tone } },
    h("span", { class: "event-dot", "aria-hidden": "true" }),
    h("div", {}, h("p", { class: "event-title" }, title), detail && h("p", { class: "event-detail" }, detail)),
    timeSince(event.created_at, { class: "muted small number" }),
  );
}
