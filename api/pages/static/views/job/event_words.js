/** What an event says, in a sentence. */

import { bytes, decimal, integer } from "../../format/numbers.js";
import { errorTitle } from "./advice.js";

/** @import { EventRecord } from "../../types/records.d.ts" */

/** Those that curves and samples show better. */
export const FREQUENT = /** @type {readonly string[]} */ (["evaluation", "sample"]);

/**
 * @param {EventRecord} event
 * @returns {{title: string, detail: string, tone: "good" | "warn" | "bad" | "quiet"}}
 */
export function eventInWords({ type, data, attempt }) {
  switch (type) {
    case "status":
      return status(data);
    case "started":
      return said(`Attempt ${attempt} began`, data.resumed_step ? `it goes on after ${integer(data.resumed_step)} updates` : "");
    case "evaluation":
      return said(`Evaluation of step ${integer(data.step)}`, `training ${decimal(data.train_loss)}, validation ${decimal(data.val_loss)}`);
    case "sample":
      return said(`Sample of step ${integer(data.step)}`, data.text);
    case "checkpoint":
      return said(`Checkpoint ${integer(data.step)} was written`, `validation loss ${decimal(data.val_loss)}, ${bytes(data.bytes)}`);
    case "checkpoint_deleted":
      return said(`Checkpoint ${integer(data.step)} was deleted`, "");
    case "checkpoint_damaged":
      return { ...said("A checkpoint is damaged and is not used", data.message ?? ""), tone: "warn" };
    case "not_exact":
      return { ...said("From here on it is not exact to the bit", data.message ?? ""), tone: "warn" };
    case "early_stop":
      return said("It stops early", `the validation loss has not fallen below ${decimal(data.best_val_loss)}`);
    case "crash":
      return { ...said(data.error ? errorTitle(data.error) : "It crashed", data.error?.message ?? ""), tone: "bad" };
    case "log":
      return said("The last lines of its log", (data.lines ?? []).join("\n"));
    case "alert":
      return { ...said(`Alert at step ${integer(data.step)}`, `${data.when}: it was ${decimal(data.value)}`), tone: "warn" };
    case "changed":
      return said("Changed", Object.keys(data).join(", "));
    default:
      return said(type.replaceAll("_", " "), Object.keys(data).length > 0 ? JSON.stringify(data) : "");
  }
}

/** @param {Record<string, any>} data */
function status({ status: name, error, ended_by: endedBy, reason }) {
  const tone = /** @type {const} */ ({ succeeded: "good", failed: "bad", paused: "warn" })[/** @type {"failed"} */ (name)] ?? "quiet";
  return { title: name[0].toUpperCase() + name.slice(1), detail: error?.message ?? reason ?? (endedBy ? `by ${endedBy.replaceAll("_", " ")}` : ""), tone };
}

/**
 * @param {string} title
 * @param {string} detail
 * @returns {{title: string, detail: string, tone: "quiet"}}
 */
function said(title, detail) {
  return { title, detail, tone: "quiet" };
}
