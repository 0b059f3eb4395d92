/** What each action does, in words for whoever is about to ask for it. */

/** @typedef {"pause" | "resume" | "finish" | "cancel" | "checkpoint"} ActionName */

/** @type {Record<ActionName, string>} */
export const MEANINGS = {
  finish: "Ends the job after the running step, with a last sample and a checkpoint. It counts as succeeded.",
  pause: "Writes a checkpoint after the running step and gives the worker free. It goes on exactly there when it is resumed.",
  resume: "Puts the job back into its queue. It goes on from its last checkpoint as if it had never stopped.",
  checkpoint: "Writes a checkpoint after the running step, and goes on.",
  cancel: "Stops the job for good. What it has written stays, and a fork can go on from its last checkpoint.",
};

/**
 * What the button says by which a person confirms those that should not be set off by a slip of the hand.
 * @type {Partial<Record<ActionName, string>>}
 */
export const CONFIRMATIONS = { finish: "Finish it", cancel: "Cancel it" };
