import assert from "node:assert/strict";
import { overfitting, overfittingInWords } from "../../../api/pages/static/charts/overfitting.js";

/**
 * @param {(number | null)[]} losses
 * @param {(index: number) => number} trainLoss
 */
function rows(losses, trainLoss = (index) => 9 - index) {
  return losses.map((val_loss, index) => ({ step: index * 5, train_loss: trainLoss(index), val_loss }));
}

Deno.test("over-fitting begins at the lowest validation loss once three later ones are higher", () => {
  assert.equal(overfitting(rows([9, 6, 6.1, 6.2])), null);
  assert.equal(overfitting(rows([9, 6, 6.1, 6.2, 6.3]))?.best.step, 5);
});

Deno.test("a new lowest loss begins the count anew", () => {
  assert.equal(overfitting(rows([9, 6, 6.1, 6.2, 5.9, 6, 6])), null);
  assert.equal(overfitting(rows([9, 6, 6.1, 6.2, 6.3, 5.9, 6, 6, 6]))?.best.step, 25);
});

Deno.test("an equal loss is not a higher one", () => {
  assert.equal(overfitting(rows([9, 6, 6, 6, 6])), null);
});

Deno.test("what goes up and down by some thousandths of the loss is no over-fitting", () => {
  assert.equal(overfitting(rows([9, 5.596, 5.64, 5.61, 5.602, 5.63, 5.6])), null);
  assert.equal(overfitting(rows([9, 5.596, 5.6, 5.7, 5.6, 5.8, 5.9]))?.best.step, 5);
});

Deno.test("evaluations without a loss count for nothing", () => {
  assert.equal(overfitting(rows([9, 6, null, null, null])), null);
  assert.equal(overfitting([]), null);
});

Deno.test("it is said in words, with what the training loss did meanwhile", () => {
  const found = overfitting(rows([9, 6, 6.1, 6.2, 6.4567]));
  assert.ok(found !== null);
  const words = overfittingInWords(found);
  assert.match(words, /begins at step 5: there the validation loss was lowest, 6\.000/);
  assert.match(words, /risen to 6\.457, while the training loss fell from 8\.000 to 5\.000/);
});

Deno.test("where the training loss did not fall either, nothing is said to be learned by heart", () => {
  const found = overfitting(rows([9, 6, 6.1, 6.2, 6.3], () => 3));
  assert.ok(found !== null);
  const words = overfittingInWords(found);
  assert.match(words, /may begin at step 5/);
  assert.match(words, /may be chance/);
  assert.doesNotMatch(words, /fell from|by heart/);
});
