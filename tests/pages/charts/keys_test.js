import assert from "node:assert/strict";
import { actionOf } from "../../../api/pages/static/charts/keys.js";

/**
 * @param {string} key
 * @param {Partial<KeyboardEvent>} modifiers
 */
const press = (key, modifiers = {}) =>
  actionOf({ key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...modifiers });

Deno.test("arrows go from point to point, with Shift by ten", () => {
  assert.deepEqual(press("ArrowRight"), { does: "step", count: 1 });
  assert.deepEqual(press("ArrowLeft", { shiftKey: true }), { does: "step", count: -10 });
});

Deno.test("keys with Control, Alt or Meta are the browser's", () => {
  for (const modifier of ["ctrlKey", "metaKey", "altKey"]) {
    assert.equal(press("ArrowLeft", { [modifier]: true }), null);
    assert.equal(press("+", { [modifier]: true }), null);
  }
  assert.equal(press("Tab"), null);
});
