/** @import { JobStore } from "./job_store.js" */

/**
 * Hear of changes of jobs that a view shows: one that trains tells twice a second how far it is, and that alone draws
 * nothing anew where it is not shown.
 * @param {JobStore} jobs
 * @param {() => unknown} pick  what is shown of them, in JSON's types; small, as it is compared after every change
 * @param {() => void} act
 * @param {AbortSignal} signal
 */
export function onShownChange(jobs, pick, act, signal) {
  const now = () => JSON.stringify([jobs.state, pick()]);
  let shown = now();
  jobs.addEventListener(
    "change",
    () => {
      const state = now();
      if (state === shown) return;
      shown = state;
      act();
    },
    { signal },
  );
}
