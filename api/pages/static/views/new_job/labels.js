/** What sections and fields of a spec are called on the page. Their names in a request stand beside. */

/** @type {Record<string, [title: string, about: string]>} */
const SECTIONS = {
  origin: ["Text and start", "What the model reads, and what it starts from."],
  model: ["Model", "The shape of the GPT."],
  training: ["Training", "How long, how fast, and by which rule the weights move."],
  evaluation: ["Evaluation", "When both losses are measured, and on how much text."],
  sampling: ["Samples", "What the model is asked to continue while it learns."],
  checkpoints: ["Checkpoints", "When weights are saved, and how many are kept."],
  queueing: ["Queue, alerts, labels", "How the job waits, when it calls for you, and how you find it again."],
};

/** @type {Record<string, string>} */
const FIELDS = {
  name: "Name",
  dataset: "Data set",
  validation_dataset: "Validation data set",
  tokenizer: "Tokenizer",
  start_from: "Initial weights",
  "model.context_length": "Context length",
  "model.emb_dim": "Embedding width",
  "model.n_heads": "Attention heads",
  "model.n_layers": "Transformer blocks",
  "model.drop_rate": "Dropout",
  "model.qkv_bias": "Bias of query, key and value",
  "model.tie_weights": "Tied output head",
  "training.num_epochs": "Epochs",
  "training.max_steps": "Steps at most",
  "training.max_tokens": "Tokens at most",
  "training.max_time_s": "Seconds at most",
  "training.grad_accumulation": "Gradient accumulation",
  "training.train_ratio": "Share to train on",
  "training.betas": "AdamW’s betas",
  "training.lr_schedule": "Learning-rate schedule",
  "training.warmup_steps": "Warm-up steps",
  "training.min_learning_rate": "Lowest learning rate",
  "training.grad_clip": "Gradient clipping",
  "training.early_stopping_patience": "Early-stopping patience",
  "evaluation.eval_freq": "Steps between evaluations",
  "evaluation.eval_iter": "Batches of each split",
  "sampling.start_context": "Prompts",
  "sampling.every_epochs": "Every so many epochs",
  "sampling.every_steps": "Every so many steps",
  "sampling.max_new_tokens": "New tokens",
  "sampling.top_k": "Top-k",
  "sampling.top_p": "Top-p",
  "checkpoints.every_epochs": "Every so many epochs",
  "checkpoints.every_steps": "Every so many steps",
  "checkpoints.keep_last": "Newest to keep",
  "checkpoints.keep_best": "Best to keep",
  max_attempts: "Attempts",
  metadata: "Labels",
};

/** @param {string} path */
export function fieldLabel(path) {
  const known = FIELDS[path];
  if (known !== undefined) return known;
  const words = (path.split(".").at(-1) ?? "").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** @param {string} name */
export function sectionTitle(name) {
  return SECTIONS[name]?.[0] ?? fieldLabel(name);
}

/** @param {string} name */
export function sectionText(name) {
  return SECTIONS[name]?.[1] ?? "";
}

/** @type {Record<string, [title: string, text: string]>} */
const PRESETS = {
  tiny: ["Tiny", "Seconds. To see everything work."],
  lecture: ["The lecture’s", "GPT-2 small, context 256, ten epochs."],
  "gpt2-small": ["GPT-2 small", "12 blocks of width 768, context 1,024."],
  "gpt2-medium": ["GPT-2 medium", "24 blocks of width 1,024."],
  "gpt2-large": ["GPT-2 large", "36 blocks of width 1,280."],
  "gpt2-xl": ["GPT-2 XL", "48 blocks of width 1,600."],
};

/**
 * @param {string} name
 * @returns {{title: string, text: string}}
 */
export function presetWords(name) {
  const [title = name, text = ""] = PRESETS[name] ?? [];
  return { title, text };
}
