import { ask } from "../../components/dialog.js";
import { field } from "../../components/field.js";
import { toast } from "../../components/toast.js";
import { h } from "../../dom/h.js";
import { decimal, integer, rate } from "../../format/numbers.js";
import { Problem, RequestFailed, inWords } from "../../http/problem.js";
import { post } from "../../http/request.js";
import { navigate } from "../../page/router.js";
import { jobs } from "../../page/services.js";
import { nameOf } from "../../records/job_actions.js";
import { forkRequest } from "./fork_request.js";

/** @import { CheckpointRecord, JobRecord } from "../../types/records.d.ts" */

/**
 * Ask how a new job goes on from a checkpoint of this one, post it, and go there. What the service refuses is said
 * beside its field.
 * @param {JobRecord} job
 * @param {readonly CheckpointRecord[]} checkpoints
 * @param {string | number} chosen  `last`, `best` or a step
 */
export async function forkDialog(job, checkpoints, chosen) {
  const { training } = job.spec;
  const options = [...checkpoints].toReversed().map(({ step, kind, val_loss }) => {
    const names = kind.length > 0 ? `, ${kind.join(" and ")}` : "";
    return h("option", { value: step }, `Step ${integer(step)}${names}: validation loss ${decimal(val_loss)}`);
  });
  const checkpoint = field("Checkpoint", h("select", {}, h("option", { value: "last" }, "The newest"), options));
  checkpoint.control.value = String(chosen);
  const exactly = h("input", { type: "radio", name: "how", checked: true });
  const anew = h("input", { type: "radio", name: "how" });
  const name = field("Name", h("input", { maxlength: 200, value: `${nameOf(job)}, forked`.slice(0, 200) }));
  const epochs = field("Epochs", h("input", { inputmode: "numeric", placeholder: String(training.num_epochs) }), { hint: "All together, those of this job included." });
  const learningRate = field("Learning rate", h("input", { inputmode: "decimal", placeholder: rate(training.learning_rate) }));
  const changes = field("Other fields, as JSON", h("textarea", { rows: 3, spellcheck: "false", placeholder: '{"training": {"weight_decay": 0}}' }), {
    hint: "What is not given stays as it is in this job.",
  });
  const general = h("p", { class: "field-error", role: "alert" });
  const byField = { checkpoint, "spec.name": name, "spec.training.num_epochs": epochs, "spec.training.learning_rate": learningRate };

  const act = async () => {
    general.replaceChildren();
    for (const each of [...Object.values(byField), changes]) each.setError(null);
    try {
      const json = forkRequest({
        checkpoint: checkpoint.control.value,
        withOptimizer: exactly.checked,
        name: name.control.value,
        epochs: epochs.control.value,
        learningRate: learningRate.control.value,
        changes: changes.control.value,
      });
      const forked = await post(`jobs/${job.id}/fork`, { json });
      jobs.put(forked);
      toast(`${nameOf(forked)} was forked from ${nameOf(job)}.`);
      navigate(`/jobs/${forked.id}`);
      return true;
    } catch (error) {
      if (error instanceof SyntaxError) {
        changes.setError(`must be a JSON object, such as {"training": {"seed": 7}}: ${error.message}`);
      } else if (error instanceof Problem && error.errors.length > 0) {
        const left = [];
        for (const { field: path, message } of error.errors) {
          const known = byField[/** @type {keyof typeof byField} */ (path)];
          if (known === undefined) left.push(`${path}: ${message}`);
          else known.setError(message);
        }
        general.append(left.join("; "));
      } else if (error instanceof RequestFailed) {
        general.append(inWords(error));
      } else throw error;
      return false;
    }
  };

  await ask({
    title: "Fork this job",
    confirm: "Fork it",
    act,
    body: [
      h("p", { class: "muted" }, "A new job that goes on from a checkpoint of this one. This one stays as it is."),
      checkpoint.element,
      h(
        "fieldset",
        { class: "stack" },
        h("legend", { class: "label" }, "How it goes on"),
        h("label", { class: "check" }, exactly, "Exactly where the checkpoint was, with the optimizer’s state"),
        h("label", { class: "check" }, anew, "At step 0, from its weights alone"),
      ),
      name.element,
      h("div", { class: "fork-fields" }, epochs.element, learningRate.element),
      changes.element,
      general,
    ],
  });
}
