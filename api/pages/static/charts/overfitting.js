/** Where over-fitting begins: the model goes on to learn its text, and no longer what holds for other texts. */

const LATER_EVALUATIONS = 3;

/**
 * How much higher than the lowest loss a later one has to be: from one evaluation to the next a loss on a plateau goes up
 * and down by some thousandths, and that says nothing of what the model has learned.
 */
const RISE = 1.01;

/**
 * @typedef {object} Evaluation
 * @property {number} step
 * @property {number | null} train_loss
 * @property {number | null} val_loss
 */

/** @typedef {Evaluation & {val_loss: number}} Measured */

/**
 * @typedef {object} Overfitting
 * @property {Measured} best  the evaluation with the lowest validation loss
 * @property {Measured} newest
 */

/**
 * @param {readonly Evaluation[]} rows  in the order of steps
 * @returns {Overfitting | null} null as long as fewer than three evaluations after the lowest validation loss are higher
 *   by one per cent of it
 */
export function overfitting(rows) {
  /** @type {Measured | null} */
  let best = null;
  /** @type {Measured | null} */
  let newest = null;
  let later = 0;
  for (const { step, train_loss, val_loss } of rows) {
    if (val_loss === null) continue;
    newest = { step, train_loss, val_loss };
    if (best === null || val_loss < best.val_loss) {
      best = newest;
      later = 0;
    } else if (val_loss >= RISE * best.val_loss) {
      later += 1;
    }
  }
  return best === null || newest === null || later < LATER_EVALUATIONS ? null : { best, newest };
}

/**
 * @param {Overfitting} found
 * @returns {string} two sentences for a reader who has not met the word
 */
export function overfittingInWords({ best, newest }) {
  const knowsTraining = best.train_loss !== null && newest.train_loss !== null;
  const fell = knowsTraining && Number(newest.train_loss) < Number(best.train_loss);
  // At a plateau the lowest of many equals is no turn yet.
  const begins = knowsTraining && !fell ? "may begin" : "begins";
  const meanwhile = fell ? `, while the training loss fell from ${best.train_loss?.toFixed(3)} to ${newest.train_loss?.toFixed(3)}` : "";
  const meaning =
    knowsTraining && !fell
      ? "; but the training loss has not fallen either, so that it may be chance. Watch how both go on."
      : ": the model learns its own text by heart, and less and less of what holds for other texts too.";
  return (
    `Over-fitting ${begins} at step ${best.step.toLocaleString("en-GB")}: there the validation loss was lowest, ` +
    `${best.val_loss.toFixed(3)}. Since then it has risen to ${newest.val_loss.toFixed(3)}${meanwhile}${meaning}`
  );
}
