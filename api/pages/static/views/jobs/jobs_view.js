import { setChoices } from "../../components/choices.js";
import { DataTable } from "../../components/data_table.js";
import { icon } from "../../components/icon.js";
import { MenuButton } from "../../components/menu_button.js";
import { emptyState, errorState, loadingState } from "../../components/states.js";
import { toastError } from "../../components/toast.js";
import { choiceChips, toolbar } from "../../components/toolbar.js";
import { fill, h, make } from "../../dom/h.js";
import { stylesheet } from "../../dom/stylesheet.js";
import { counted } from "../../format/numbers.js";
import { RequestFailed } from "../../http/problem.js";
import { hrefOf } from "../../page/location.js";
import { isListOfStrings, prefer, preference } from "../../page/preferences.js";
import { isPlace } from "../../page/router.js";
import { datasetNames, jobs, session } from "../../page/services.js";
import { View } from "../../page/view.js";
import { changeJob, nameOf } from "../../records/job_actions.js";
import { choices, filterOf, fits, tagsOf } from "../../records/job_filters.js";
import { jobColumns } from "./columns.js";
import { FirstJob } from "./first_job.js";
import { SelectionBar } from "./selection_bar.js";

/** @import { Sort } from "../../components/data_table.js" */
/** @import { JobRecord } from "../../types/records.d.ts" */

await stylesheet(import.meta.url, "jobs.css");

const COLUMNS = "jobs.columns";

/** All jobs, as they are now. What is looked for and how it is sorted is in the link, the columns are remembered. */
export default class JobsView extends View {
  #columns = jobColumns(
    (job) => this.#star(job),
    () => session.may("write"),
  );
  #summary = h("p", { class: "muted", role: "status" });
  #newJob = h("a", { class: "button primary", href: hrefOf("/new") }, icon("add"), "New job");
  #search = h("input", { type: "search", class: "input", placeholder: "Search", "aria-label": "Search jobs" });
  #tag = h("select", { class: "select", "aria-label": "Tag" });
  #chips = h("div");
  #chipsState = "";
  #columnMenu = make(MenuButton, { label: "Columns", heading: "Columns", items: () => this.#columnItems() });
  #toolbar = toolbar(
    "Filter",
    h("div", { class: "search" }, icon("search"), this.#search),
    this.#chips,
    this.#tag,
    h("div", { class: "row-end" }, this.#columnMenu),
  );
  #selection = make(SelectionBar);
  /** @type {DataTable<JobRecord>} */
  #table = make(/** @type {new () => DataTable<JobRecord>} */ (DataTable), {
    label: "Jobs",
    keyOf: (job) => job.id,
    nameOf,
    isSelectable: true,
  });
  #panel = h("div", { class: "panel" }, this.#table);
  #instead = h("div");

  build() {
    this.className = "view";
    this.append(
      h("div", { class: "view-head" }, h("h1", {}, "Jobs"), this.#summary, this.#newJob),
      this.#toolbar,
      this.#selection,
      this.#panel,
      this.#instead,
    );
    this.#search.addEventListener("input", () => this.setQuery({ q: this.#search.value }));
    this.#tag.addEventListener("change", () => this.setQuery({ tag: this.#tag.value }));
    this.#table.addEventListener("sort", (event) => this.#sort(/** @type {CustomEvent} */ (event).detail));
    this.#table.addEventListener("select", () => this.#renderSelection());
    this.#selection.addEventListener("clear", () => {
      this.#table.selection = new Set();
      this.#renderSelection();
      this.changed();
    });
  }

  /** @param {AbortSignal} signal */
  connected(signal) {
    jobs.addEventListener("change", () => this.changed(), { signal });
    datasetNames.addEventListener("change", () => this.#renew(), { signal });
    document.addEventListener("keydown", (event) => this.#onKey(event), { signal });
  }

  /** What cells show has changed, although no job has. */
  #renew() {
    this.#table.version += 1;
    this.changed();
  }

  render() {
    const { all } = jobs;
    const filter = filterOf(this.query);
    const found = all.filter((job) => fits(job, filter));
    const isEmpty = all.length === 0;
    this.#newJob.hidden = isEmpty || !isPlace("/new") || !session.may("write");
    this.#toolbar.hidden = this.#summary.hidden = isEmpty;
    this.#panel.hidden = found.length === 0;
    if (document.activeElement !== this.#search) this.#search.value = filter.text;
    this.#renderChips(all, filter);
    this.#renderTags(all, filter.tag);
    fill(this.#summary, summaryOf(all));
    this.#renderInstead(all, found);

    const shown = this.#shownColumns();
    this.#table.columns = this.#columns.filter(({ id }) => shown.includes(id));
    this.#table.sort = sortOf(this.query);
    this.#table.rows = found;
    this.#table.selection = new Set(found.map(({ id }) => id).filter((id) => this.#table.selection.has(id)));
    if (this.#table.isConnected) this.#table.render();
    this.#renderSelection();
  }

  /** At once when a box is checked, so that a button that is pressed next acts on that job too. */
  #renderSelection() {
    this.#selection.selected = this.#table.rows.filter(({ id }) => this.#table.selection.has(id));
    this.#selection.render();
  }

  /**
   * @param {readonly JobRecord[]} all
   * @param {import("../../records/job_filters.js").Filter} filter
   */
  #renderChips(all, filter) {
    const kinds = choices(all, filter);
    const state = JSON.stringify([kinds, filter.show]);
    if (state === this.#chipsState) return;
    this.#chipsState = state;
    const focused = /** @type {HTMLElement | null} */ (this.#chips.querySelector(":focus"))?.dataset.value;
    fill(this.#chips, choiceChips({ label: "Show", choices: kinds, chosen: filter.show, onChoose: (show) => this.setQuery({ show }) }));
    if (focused !== undefined) /** @type {HTMLElement | null} */ (this.#chips.querySelector(`[data-value="${focused}"]`))?.focus();
  }

  /**
   * @param {readonly JobRecord[]} all
   * @param {string} chosen
   */
  #renderTags(all, chosen) {
    const tags = [...new Set([...tagsOf(all), ...(chosen ? [chosen] : [])])];
    this.#tag.hidden = tags.length === 0;
    setChoices(this.#tag, [{ value: "", label: "Any tag" }, ...tags.map((tag) => ({ value: tag, label: tag }))], chosen);
  }

  /**
   * What stands in place of rows that are not there.
   * @param {readonly JobRecord[]} all
   * @param {readonly JobRecord[]} found
   */
  #renderInstead(all, found) {
    const kind = insteadOf(all.length, found.length, jobs.state);
    this.#instead.hidden = kind === "nothing";
    if (this.#instead.dataset.kind === kind) return;
    this.#instead.dataset.kind = kind;
    if (kind === "loading") fill(this.#instead, loadingState("Loading jobs"));
    else if (kind === "failed") fill(this.#instead, errorState(jobs.error, () => jobs.load()));
    else if (kind === "first") fill(this.#instead, make(FirstJob));
    else if (kind === "none") fill(this.#instead, emptyState("No job fits", h("button", { type: "button", class: "button", on: { click: () => this.setQuery({ q: null, show: null, tag: null }) } }, "Show all")));
    else fill(this.#instead);
  }

  #shownColumns() {
    const hasOwners = jobs.all.some(({ owner }) => owner !== null && owner !== session.record?.owner);
    const first = this.#columns.filter(({ id, isShownAtFirst }) => isShownAtFirst || (id === "owner" && hasOwners)).map(({ id }) => id);
    return preference(COLUMNS, first, isListOfStrings);
  }

  #columnItems() {
    const shown = this.#shownColumns();
    const items = this.#columns
      .filter(({ isHeading }) => !isHeading)
      .map(({ id, label }) => ({
        label,
        checked: shown.includes(id),
        stays: true,
        act: () => {
          prefer(COLUMNS, shown.includes(id) ? shown.filter((other) => other !== id) : [...shown, id]);
          this.render();
        },
      }));
    const reset = () => {
      prefer(COLUMNS, null);
      this.render();
    };
    return [...items, { label: "As at first", act: reset }];
  }

  /** @param {Sort} sort */
  #sort({ column, isDescending }) {
    this.setQuery({ sort: `${isDescending ? "-" : ""}${column}` });
  }

  /** @param {JobRecord} job */
  async #star(job) {
    try {
      jobs.put(await changeJob(job, { starred: !job.starred }));
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      toastError(`${nameOf(job)} could not be starred`, error);
    }
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const isTyping = event.target instanceof HTMLElement && event.target.closest("input, textarea, select, dialog, [popover]");
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      this.#search.focus();
    }
  }
}
customElements.define("jobs-view", JobsView);

/**
 * @param {number} all
 * @param {number} found
 * @param {string} state
 */
function insteadOf(all, found, state) {
  if (found > 0) return "nothing";
  if (all > 0) return "none";
  return { loading: "loading", failed: "failed" }[state] ?? "first";
}

/**
 * @param {URLSearchParams} query
 * @returns {Sort | null} null: the newest first
 */
function sortOf(query) {
  const sort = query.get("sort");
  if (!sort) return null;
  return { column: sort.replace(/^-/, ""), isDescending: sort.startsWith("-") };
}

/** @param {readonly JobRecord[]} all */
function summaryOf(all) {
  const running = all.filter(({ status }) => status === "running").length;
  const queued = all.filter(({ status }) => status === "queued").length;
  return [running > 0 && `${running} running`, queued > 0 && `${queued} queued`, counted(all.length, "job")].filter(Boolean).join(" · ");
}
