import { ask } from "../../components/dialog.js";
import { toast } from "../../components/toast.js";
import { fill, h } from "../../dom/h.js";
import { RequestFailed, inWords } from "../../http/problem.js";
import { remove } from "../../http/request.js";

/**
 * Delete after having asked; where the service refuses it, the dialog says why.
 * @param {string} path  of the list
 * @param {{id: string, name: string | null}} record
 * @param {string} consequence
 */
export async function removeAfterAsking(path, { id, name }, consequence) {
  const error = h("p", { class: "field-error", role: "alert" });
  const act = async () => {
    try {
      await remove(`${path}/${encodeURIComponent(id)}`);
      return true;
    } catch (thrown) {
      if (!(thrown instanceof RequestFailed)) throw thrown;
      fill(error, inWords(thrown));
      return false;
    }
  };
  const isGone = await ask({ title: `Delete ${name ?? id}?`, body: [h("p", {}, consequence), error], confirm: "Delete it", danger: true, act });
  if (isGone) toast(`${name ?? id} is deleted.`);
  return isGone;
}
