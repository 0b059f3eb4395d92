// Made from the API's description by `make types`: change the records in `api/records/` instead.

/** A text to train on that has just been sent. */
export type AddedDatasetRecord = {
  id: string;
  object?: "dataset";
  name: string;
  /** Whose it is: the owner of the token that it was made with. Null if none was needed: everybody sees it, and administrators change it. */
  owner: string | null;
  /** Whether others than its owner and administrators see it. */
  shared: boolean;
  builtin: boolean;
  /** `preparing` while a worker counts the tokens of a long text; jobs may be posted meanwhile, and wait. */
  status: "preparing" | "ready" | "failed";
  /** Why it could not be prepared. */
  error: string | null;
  /** Whether the stored bytes begin with one. It is not part of the text. */
  byte_order_mark: boolean | null;
  /** Of the text; each document has one more, which ends it. */
  characters: number | null;
  /** 0 if the text is plain. */
  documents: number | null;
  /** Its characters; null if the text is plain. */
  longest_document: number | null;
  /** GPT-2 tokens of both its parts at the default `train_ratio`; null until they have been counted. */
  tokens: number | null;
  /** What has been counted so far, for jobs that were posted: by tokenizer and `train_ratio`. */
  token_counts: TokenCountRecord[];
  /** Size of the stored text, in UTF-8. */
  bytes: number | null;
  /** Of the bytes. */
  sha256: string | null;
  first_lines: string | null;
  created_at: string | null;
  /** What the sender should know, in sentences: the same text is stored already under another name, it begins with a byte order mark, it names the end of a text, or documents without text were left out. */
  notices: string[];
};

/** A rule, and what is done when it holds. */
export type AlertRule = {
  /** A metric of the evaluations (`train_loss`, `val_loss`, `val_bpb`, `grad_norm`, `learning_rate`, `tokens_per_s`, `evaluations_since_best`), `>`, `>=`, `<` or `<=`, and a number; with `for 3` it must hold at so many evaluations in a row. It fires once, and again only after an evaluation at which it did not hold. */
  when: string;
  /** `notify`: an event `alert`, which webhooks are told of. `pause` and `finish`: also as `POST /jobs/<id>/pause` and `/finish` do. Default: notify. */
  do?: "notify" | "pause" | "finish";
};

/** A change: who has made it, and what it was. */
export type AuditRecord = {
  id: string;
  object?: "audit_entry";
  created_at: string;
  /** Method and route, such as `POST /jobs/<job_id>/cancel`, or the command that worked in the database. */
  action: string;
  /** Of what the request names, has made or has changed; 100 at most. */
  ids: string[];
  /** With which the request was answered; null for a command. */
  status: number | null;
  request_id: string | null;
  /** Null on a service without tokens, and for commands. */
  token_id: string | null;
  token_name: string | null;
  /** That of the token. */
  owner: string | null;
};

export type BestRecord = {
  /** Nats per token. */
  val_loss: number;
  /** The same in bits per byte. */
  val_bpb: number | null;
  /** The evaluation's step. */
  step: number;
};

/** Of one transformer block. */
export type BlockParametersRecord = {
  attention: number;
  feed_forward: number;
  /** Both. */
  norms: number;
  total: number;
};

/** What a training worker knows of its machine. */
export type CalibrationRecord = {
  device: string;
  /** What the numerics `auto` come to. */
  auto: string;
  /** Whether matrices are multiplied in bfloat16 without being converted to float32 first. */
  has_bfloat16_kernels: boolean;
  /** CPU threads of a trainer. */
  threads: number;
  /** By numerics. Measured once, while neither a job nor any other program keeps the machine busy; until then there are none, and the time of a job is not known. */
  rates: Record<string, RatesRecord>;
};

/** When checkpoints are written and which are kept. One is always written at the end, and one whenever `PRETRAIN_CHECKPOINT_S` of training have gone by without. */
export type CheckpointConfig = {
  /** Epochs between checkpoints; null for none by epoch. Default: 1. */
  every_epochs?: number | null;
  /** Steps between checkpoints; null for none by step. Default: null. */
  every_steps?: number | null;
  /** Newest checkpoints to keep, with all that resuming needs. Default: 1. */
  keep_last?: number;
  /** Checkpoints of lowest validation loss to keep; with `training.early_stopping_patience` at least one is kept. Default: 1. */
  keep_best?: number;
};

/** Saved weights of the model, which can generate text. */
export type CheckpointRecord = {
  id: string;
  step: number;
  epoch: number;
  train_loss: number | null;
  val_loss: number;
  /** Its size on disk. */
  bytes: number;
  /** Of the weights file. */
  sha256: string;
  /** Whether it is the newest and whether it has the lowest validation loss of those that are kept. */
  kind: ("last" | "best")[];
  created_at: string;
};

/** A completion, or in a stream a part of one. */
export type ChoiceRecord = {
  text: string;
  /** Those of the first prompt come first. */
  index: number;
  logprobs: LogprobsRecord | null;
  /** `stop`: a stop string or the model ended it; `length`: `max_tokens`, or the service's time limit. Null while more follows. */
  finish_reason: "length" | "stop" | null;
};

/** Completions of one or more prompts, or in a stream a chunk of them. */
export type CompletionRecord = {
  id: string;
  object?: "text_completion";
  /** Seconds since 1970. */
  created: number;
  model: string;
  choices: ChoiceRecord[];
  usage?: UsageRecord | null;
  /** Whether a prompt was longer than the context, so that only its end was continued. An extension of OpenAI's fields. */
  prompt_truncated?: boolean;
};

/** OpenAI's body, of which unknown fields are ignored, as OpenAI does. Where null is allowed, it is the default. */
export type CompletionRequest = {
  /** `JOB_ID` for a job's last checkpoint, `JOB_ID:best`, or `JOB_ID:STEP`; the id of a model from outside. */
  model: string;
  /** A string, a list of strings, a list of token ids, or a list of such lists. Default: the beginning of a text. */
  prompt?: string | string[] | number[] | number[][] | null;
  /** Tokens to generate, at most; with 0 the prompt can be scored alone. Default: OpenAI's 16. */
  max_tokens?: number | null;
  /** 0 takes the likeliest token. Default: OpenAI's 1. */
  temperature?: number | null;
  /** Draw among the fewest likeliest tokens whose probabilities reach this sum. Default: all. */
  top_p?: number | null;
  /** Draw among the k likeliest tokens only. An extension of OpenAI's fields. Default: all. */
  top_k?: number | null;
  /** Completions of each prompt. Default: 1. */
  n?: number | null;
  /** Texts before which a completion ends, one or a list. Default: none. */
  stop?: string | string[] | null;
  /** Seeds the first completion of each prompt; those after it have the numbers that follow. Default: random ones. */
  seed?: number | null;
  /** Whether the prompt stands before its completion. Default: no. */
  echo?: boolean | null;
  /** Of each token, how likely it and so many of the likeliest were; with `echo` of the prompt's tokens too. Default: none. */
  logprobs?: number | null;
  /** Whether the completions come in chunks, as server-sent events. Default: no. */
  stream?: boolean | null;
  /** With `stream` only. */
  stream_options?: StreamOptions | null;
  /** Not supported. */
  suffix?: null | "";
  /** Not supported, unless it is 1 or equals `n`. */
  best_of?: number | null;
  /** Not supported. */
  presence_penalty?: null | 0;
  /** Not supported. */
  frequency_penalty?: null | 0;
  /** Not supported. */
  logit_bias?: null | {};
};

/** What a sample has from its training text. */
export type CopiedListing = {
  object?: "list";
  data: CopiedSpanRecord[];
  /** Whether there are more pages. */
  has_more: boolean;
  /** Of the sample without its prompt. */
  words: number;
  /** Of these, those in spans. */
  copied_words: number;
  /** Of the training text, from its start. */
  searched_characters: number;
  /** That it has. */
  training_characters: number;
};

/** A part of a sample that stands word for word in the training text. */
export type CopiedSpanRecord = {
  /** Characters (of Unicode) before it in the sample's `text`. */
  start: number;
  /** Characters to its end. */
  end: number;
  text: string;
  words: number;
  /** Characters before it in the data set's text, at the first of its places: see `GET /datasets/<dataset_id>/text`. */
  offset: number;
};

/** A text to train on. Of a built-in one that has not been used yet, most fields are null. */
export type DatasetRecord = {
  id: string;
  object?: "dataset";
  name: string;
  /** Whose it is: the owner of the token that it was made with. Null if none was needed: everybody sees it, and administrators change it. */
  owner: string | null;
  /** Whether others than its owner and administrators see it. */
  shared: boolean;
  builtin: boolean;
  /** `preparing` while a worker counts the tokens of a long text; jobs may be posted meanwhile, and wait. */
  status: "preparing" | "ready" | "failed";
  /** Why it could not be prepared. */
  error: string | null;
  /** Whether the stored bytes begin with one. It is not part of the text. */
  byte_order_mark: boolean | null;
  /** Of the text; each document has one more, which ends it. */
  characters: number | null;
  /** 0 if the text is plain. */
  documents: number | null;
  /** Its characters; null if the text is plain. */
  longest_document: number | null;
  /** GPT-2 tokens of both its parts at the default `train_ratio`; null until they have been counted. */
  tokens: number | null;
  /** What has been counted so far, for jobs that were posted: by tokenizer and `train_ratio`. */
  token_counts: TokenCountRecord[];
  /** Size of the stored text, in UTF-8. */
  bytes: number | null;
  /** Of the bytes. */
  sha256: string | null;
  first_lines: string | null;
  created_at: string | null;
};

/** Something that a webhook was told, or is to be told. */
export type DeliveryRecord = {
  /** As the receiver gets it, at every attempt. */
  id: string;
  object?: "delivery";
  type: "job.queued" | "job.running" | "job.paused" | "job.succeeded" | "job.failed" | "job.cancelled" | "job.deleted" | "alert";
  data: Record<string, any>;
  /** `failed` when it is tried no more: a day after it was made, or once the webhook is disabled. */
  status: "pending" | "delivered" | "failed";
  attempts: number;
  /** Of the last attempt; null if nothing answered. */
  response_code: number | null;
  /** Why the last attempt failed. */
  error: string | null;
  created_at: string;
  /** Null unless it is pending. */
  next_attempt_at: string | null;
  delivered_at: string | null;
};

/** What a trainer took of its machine at one moment. What can't be measured there is null. */
export type DeviceMetricsRecord = {
  attempt: number;
  /** Updates done. */
  step: number;
  /** For how long the job's attempts had run, without pauses and waiting. */
  elapsed_s: number;
  tokens_per_s: number | null;
  /** Model FLOPs utilization (Chowdhery et al. 2022, appendix B): the model's operations a second as a share of the GPU's published peak for the numerics of the job; on the CPU, of the rate of matrix products that the worker has measured (`calibration` of `GET /workers`). Null where neither is known. */
  mfu: number | null;
  /** Processor time since the row before, in percent of one core: two busy ones are 200. */
  cpu_percent: number | null;
  /** The trainer's resident memory. */
  memory_bytes: number | null;
  /** Percent of the moments before in which the GPU computed something. */
  gpu_utilization: number | null;
  /** In use on the GPU, by whatever. */
  gpu_memory_bytes: number | null;
  gpu_power_w: number | null;
  recorded_at: string;
};

/** The disk that data sets and checkpoints lie on. */
export type DiskRecord = {
  object?: "disk";
  total_bytes: number;
  free_bytes: number;
  /** Texts and trained tokenizers. */
  datasets_bytes: number;
  /** Texts' tokens, which are written again when they are missing. */
  tokens_bytes: number;
  /** Models from outside. */
  models_bytes: number;
  /** Of all jobs together. */
  jobs_bytes: number;
  freeable_bytes: number;
  /** The jobs that take any, the largest first. */
  data: JobDiskRecord[];
  /** Whether there are more jobs than `limit`. */
  has_more: boolean;
};

export type ErrorRecord = {
  type: "out_of_memory" | "diverged" | "disk_full" | "bad_dataset" | "worker_lost" | "stalled" | "internal";
  message: string;
  /** The attempt that failed. */
  attempt: number;
  /** Whether another attempt may succeed. */
  retryable: boolean;
};

/** What a job would take. */
export type EstimateRecord = {
  object?: "estimate";
  /** The spec (`JobSpec`) with every field filled in. */
  spec: Record<string, any>;
  /** Whether `POST /jobs` would take it. */
  fits: boolean;
  /** Why not; empty if it fits. */
  reasons: ReasonRecord[];
  /** Of a tokenizer that is still being trained, as many as they may become. */
  parameters: ParametersRecord;
  tokens: TokensRecord | null;
  /** Of the training text. */
  windows: number | null;
  steps_per_epoch: number | null;
  /** Optimizer steps of the whole job, unless it stops early. */
  steps: number | null;
  /** Passes over the training text that it begins. */
  epochs: number | null;
  evaluations: number | null;
  samples: number | null;
  /** That the spec asks for; others come by time, and of a new best loss with `early_stopping_patience`. */
  checkpoints: number | null;
  flops: FlopsRecord | null;
  memory: MemoryRecord;
  /** Of all checkpoints that there are at once, at most. */
  disk_bytes: number | null;
  /** Seconds from the first step to the end, unless it stops early, on the live worker that takes least. */
  time_s: number | null;
  /** That worker. */
  time_on: TimingRecord | null;
  /** Why each field is null that is. */
  unknown: Record<string, string>;
};

/** When and how both losses are measured. */
export type EvaluationConfig = {
  /** Steps between evaluations; the first follows step 0, and the last step is always evaluated. Default: the lecture's. */
  eval_freq?: number;
  /** Batches of each split in an evaluation, at most; null takes all of both. Default: the lecture's. */
  eval_iter?: number | null;
};

/** Something that happened to a job. */
export type EventRecord = {
  /** Greater than those of all events that were recorded before, by any job. */
  id: string;
  job_id: string;
  /** `status`: a job has been created (the first one) or has another status, told by `data.status`, with the cause: `error`, `ended_by`, `reason`. `evaluation`, `sample`, `checkpoint`: written, once for each step, also where a resumed attempt computes it again. `log`: the last lines of a trainer that failed. `changed`: the job's record has these new values. `deleted`: the job is gone, and so are its other events. Besides `started`, `not_exact`, `early_stop`, `crash`, `checkpoint_damaged` and `checkpoint_deleted`. */
  type: string;
  /** 0 before the first. */
  attempt: number;
  data: Record<string, any>;
  created_at: string;
};

/** Floating-point operations. */
export type FlopsRecord = {
  /** Of a token's forward and backward pass. */
  per_token: number;
  /** Of all steps. */
  training: number;
  /** Of all evaluations, which are forward passes. */
  evaluation: number;
  /** Of `per_token`, by layers L, width C, vocabulary V and context T. */
  formula?: "6 * (12 * L * C**2 + V * C) + 12 * L * C * T";
  source?: "Chowdhery et al. 2022, appendix B";
};

/** How a new job goes on from a checkpoint of another one. */
export type ForkRequest = {
  /** `last`, `best` or the step of a checkpoint. Default: last. */
  checkpoint?: "last" | "best" | number;
  /** Whether to go on exactly where the checkpoint was, with the optimizer's state, the step and the generators; or to start at step 0 from its weights alone. Default: true. */
  with_optimizer?: boolean;
  /** The fields that change; all others are the parent's. Those that the weights' shapes follow from can't change. Default: none. */
  spec?: {
    /** A label of your own. Default: none. */
    name?: string | null;
    /** Starting point for the fields that are not given. Default: lecture. */
    preset?: "lecture" | "gpt2-small" | "gpt2-medium" | "gpt2-large" | "gpt2-xl" | "tiny";
    /** A built-in data set (`the-verdict`, `sample`) or the id of one of your own. Default: the lecture's. */
    dataset?: string;
    /** A data set, named likewise, to validate on: all of `dataset` is trained on then. Default: null, which validates on the rest of `dataset` behind `training.train_ratio`. */
    validation_dataset?: string | null;
    /** Weights to start from in place of drawn ones: `{"job": ID, "checkpoint": "last", "best" or a step}`, or `{"model": ID}` for a model from outside. `model` and `tokenizer` are theirs where they are not given; only `drop_rate` may differ, and `context_length` be smaller. The optimizer and the step start anew. Default: none. */
    start_from?: StartFrom | null;
    /** `gpt2` (50,257 tokens), `bytes` (257), or the id of one of your own (`POST /tokenizers`), which may still be in training. Default: the lecture's. */
    tokenizer?: string;
    model?: ModelConfig;
    training?: TrainingConfig;
    evaluation?: EvaluationConfig;
    sampling?: SamplingConfig;
    checkpoints?: CheckpointConfig;
    /** Devices to train on. Default: 1, and more are not supported yet. */
    devices?: 1;
    /** The queue whose workers may take the job. Default: train, and others are not supported yet. */
    queue?: "train";
    /** Jobs of a higher priority are taken first. Default: 0. */
    priority?: number;
    /** Crashes in a row, without a new checkpoint between them, after which the job fails. Default: 3. */
    max_attempts?: number;
    /** Rules that are checked at every evaluation, and what is done when one holds: `{"when": "val_loss > 7 for 3", "do": "notify"}`. Default: none. */
    alerts?: AlertRule[];
    /** Up to 32 labels of your own, text to text. Default: none. */
    metadata?: Record<string, string>;
  };
};

export type GenerateRequest = {
  /** The job to ask. Default: the newest job that has a checkpoint. */
  job_id?: string | null;
  /** `last`, `best`, or a step; `last` and `best` are looked up when they are read. Default: last. */
  checkpoint?: string;
  /** The model from outside to ask, in place of a job. Default: none. */
  model_id?: string | null;
  /** 0 takes the likeliest token; above, logits are divided by it and a token is drawn. Default: the lecture's 0. */
  temperature?: number;
  /** Draw among the k likeliest tokens only. Default: null, all of them. */
  top_k?: number | null;
  /** Draw among the fewest likeliest tokens whose probabilities reach this sum (Holtzman et al. 2020). Default: null, all of them. */
  top_p?: number | null;
  /** The text to continue. One longer than the context keeps its end. Default: empty, which continues the end of a text, or a newline where the training text had no end of a text in it. */
  prompt?: string;
  /** Tokens to generate, at most. Default: 50. */
  max_new_tokens?: number;
  /** Seeds the sampling; the answer names the one that was used. Default: a random one. */
  seed?: number | null;
  /** Texts before which the answer ends. Default: none. */
  stop?: string[];
  /** Of each token of the completion, give its probability under the model and so many of the likeliest tokens with theirs. Default: null, none of it. */
  logprobs?: number | null;
  /** Whether to stream the text, as server-sent events: a `piece` for each piece of it, then a `generation` that is the whole record, or an `error` that is a problem. Default: as the header `Accept` asks. */
  stream?: boolean | null;
};

/** A prompt and its continuation by a job's checkpoint, or a model from outside. */
export type GenerationRecord = {
  object?: "generation";
  /** Null for a model from outside. */
  job_id: string | null;
  /** Null for a job. */
  model_id: string | null;
  /** The step of the job's checkpoint. */
  checkpoint: number | null;
  prompt: string;
  /** Whether the prompt was longer than the context, so that only its end was used. */
  prompt_truncated: boolean;
  /** The new text alone. */
  completion: string;
  /** The prompt and the new text. */
  text: string;
  prompt_tokens: number;
  completion_tokens: number;
  /** `length`: `max_new_tokens` ended it; `stop`: a stop string or the model; `timeout`: the time limit. */
  finish_reason: "length" | "stop" | "timeout";
  /** With it the same request gives the same text again. */
  seed: number;
  tokens_per_s: number;
  /** Of each token of the completion, if they were asked for. */
  logprobs: TokenLogprob[] | null;
};

export type HealthRecord = {
  status?: "ok";
};

/** Weights from outside. What is null is known once it is ready. */
export type ImportedModelRecord = {
  id: string;
  object?: "model";
  name: string | null;
  /** Whose it is: the owner of the token that it was made with. Null if none was needed: everybody sees it, and administrators change it. */
  owner: string | null;
  /** Whether others than its owner and administrators see it. */
  shared: boolean;
  /** `preparing` while a worker checks and converts the files. */
  status: "preparing" | "ready" | "failed";
  /** Of the weights that is converted. */
  fraction: number;
  /** Why it could not be imported, or not yet. */
  error: string | null;
  tokenizer: string | null;
  /** Its architecture, as the section `model` of a job that starts from it. */
  model: Record<string, any> | null;
  parameters: number | null;
  /** Of the files as they were sent; once it is ready, of its weights in float32. */
  bytes: number;
  /** Of the weights, as the service keeps them. */
  sha256: string | null;
  created_at: string;
};

/** Fields of a job to change. Those that are not given stay; null puts a field back to its default. */
export type JobChanges = {
  /** A label of your own; `spec.name` follows. Default: none. */
  name?: string | null;
  /** Markdown. Default: none. */
  notes?: string | null;
  /** All its tags, in place of those before; each counts once. Default: none. */
  tags?: string[] | null;
  /** Whether it is one of those to come back to. Default: false. */
  starred?: boolean | null;
  /** Whether it is put away: `GET /jobs` leaves it out unless asked. It runs on all the same. Default: false. */
  archived?: boolean | null;
  /** Jobs of a higher priority are taken first; `spec.priority` follows. While it is queued or paused only. Default: 0. */
  priority?: number | null;
};

/** What a job takes of the disk. */
export type JobDiskRecord = {
  id: string;
  name: string | null;
  status: Status;
  starred: boolean;
  archived: boolean;
  /** How many it keeps. */
  checkpoints: number;
  /** As its `disk_bytes`. */
  bytes: number;
  /** What `POST /disk/prune` would free of that with an empty body: 0 while it has not ended, and if it is starred. */
  freeable_bytes: number;
};

/** A training job. */
export type JobRecord = {
  id: string;
  object?: "job";
  name: string | null;
  /** Markdown; null if there are none. */
  notes: string | null;
  tags: string[];
  starred: boolean;
  /** Whether it is put away: `GET /jobs` leaves it out unless asked. */
  archived: boolean;
  /** Whose it is: the owner of the token that it was made with. Null if none was needed: everybody sees it, and administrators change it. */
  owner: string | null;
  /** Whether others than its owner and administrators see it. */
  shared: boolean;
  status: Status;
  /** What has been requested and has not happened yet. `finish` stays while the job waits for another attempt, which then ends it. */
  stopping: "cancel" | "pause" | "finish" | null;
  /** The job's spec (`JobSpec`) with every field filled in. */
  spec: Record<string, any>;
  progress: ProgressRecord;
  /** The newest evaluation; null before the first. */
  latest: LatestRecord | null;
  /** The evaluation of lowest validation loss; null before the first. */
  best: BestRecord | null;
  /** How often a worker has claimed the job. */
  attempt: number;
  /** Crashes since the last new checkpoint. */
  failures: number;
  /** The numerics that `training.numerics` resolved to; null before its first attempt has begun. */
  numerics: string | null;
  /** CPU threads of its trainer; null before its first attempt has begun. */
  threads: number | null;
  /** What this job starts from in place of drawn weights: the checkpoint that it was forked from, before which losses and samples are the parent's, or what its `start_from` was when it was posted. */
  parent: ParentRecord | ParentModelRecord | null;
  /** SHA-256 of the text's bytes. */
  dataset_sha256: string;
  /** Size of the job's files: its checkpoints, and the one that it was forked from until it ends (which is a link to the parent's, and takes no space while that is there). */
  disk_bytes: number;
  /** Trainable parameters of the model; while its tokenizer is being trained, as many as they may become. */
  parameters: number;
  /** Where it trains; null before its first attempt has begun. */
  device: string | null;
  /** Why it failed or was paused by the service. */
  error: ErrorRecord | null;
  /** What ended it: `epochs`, `max_steps`, `early_stopping` or `finish`, a person's request; null until it has succeeded. */
  ended_by: "epochs" | "max_steps" | "early_stopping" | "finish" | null;
  /** Its place in its queue, from 1; null unless it is queued. */
  queue_position: number | null;
  /** Why it does not run yet, in words: its data set is being prepared or its tokenizer trained, no live worker, none with enough memory, jobs before it; null if an idle worker is about to take it, and unless it is queued. */
  waiting_for: string | null;
  created_at: string;
  /** When it was first claimed. */
  started_at: string | null;
  finished_at: string | null;
  metadata: Record<string, string>;
};

/** A training job. `{}` is the lecture's job: GPT-2 small on a short story, ten epochs. */
export type JobSpec = {
  /** A label of your own. Default: none. */
  name?: string | null;
  /** Starting point for the fields that are not given. Default: lecture. */
  preset?: "lecture" | "gpt2-small" | "gpt2-medium" | "gpt2-large" | "gpt2-xl" | "tiny";
  /** A built-in data set (`the-verdict`, `sample`) or the id of one of your own. Default: the lecture's. */
  dataset?: string;
  /** A data set, named likewise, to validate on: all of `dataset` is trained on then. Default: null, which validates on the rest of `dataset` behind `training.train_ratio`. */
  validation_dataset?: string | null;
  /** Weights to start from in place of drawn ones: `{"job": ID, "checkpoint": "last", "best" or a step}`, or `{"model": ID}` for a model from outside. `model` and `tokenizer` are theirs where they are not given; only `drop_rate` may differ, and `context_length` be smaller. The optimizer and the step start anew. Default: none. */
  start_from?: StartFrom | null;
  /** `gpt2` (50,257 tokens), `bytes` (257), or the id of one of your own (`POST /tokenizers`), which may still be in training. Default: the lecture's. */
  tokenizer?: string;
  model?: ModelConfig;
  training?: TrainingConfig;
  evaluation?: EvaluationConfig;
  sampling?: SamplingConfig;
  checkpoints?: CheckpointConfig;
  /** Devices to train on. Default: 1, and more are not supported yet. */
  devices?: 1;
  /** The queue whose workers may take the job. Default: train, and others are not supported yet. */
  queue?: "train";
  /** Jobs of a higher priority are taken first. Default: 0. */
  priority?: number;
  /** Crashes in a row, without a new checkpoint between them, after which the job fails. Default: 3. */
  max_attempts?: number;
  /** Rules that are checked at every evaluation, and what is done when one holds: `{"when": "val_loss > 7 for 3", "do": "notify"}`. Default: none. */
  alerts?: AlertRule[];
  /** Up to 32 labels of your own, text to text. Default: none. */
  metadata?: Record<string, string>;
};

export type LatestRecord = {
  /** Nats per token. */
  train_loss: number;
  /** Nats per token. */
  val_loss: number;
  /** The same in bits per byte. */
  val_bpb: number | null;
  /** The evaluation's step. */
  step: number;
};

/** A token that could have come next. */
export type LikelyToken = {
  /** Its text. Bytes that are no whole character by themselves are U+FFFD in it. */
  token: string;
  /** Its UTF-8 bytes, each from 0 to 255: those of several tokens together may be a character. */
  bytes: number[];
  /** Natural logarithm of its probability under the model, at temperature 1 and over the whole vocabulary. Null if it is not finite. */
  logprob?: number | null;
};

/** What this service allows and has. What is beyond is refused with the reason. */
export type LimitsRecord = {
  object?: "limits";
  /** Of a request's body, but for uploads. */
  max_body_bytes: number;
  /** Of an upload with a text. */
  max_dataset_bytes: number;
  /** Of all files of a model from outside together. */
  max_model_bytes: number;
  /** That a job may be estimated to need: the setting, or what the largest of the live workers has; null where neither is known. */
  max_job_memory_bytes: number | null;
  /** Of a job. */
  max_steps: number;
  /** Of a job, of all prompts together. */
  max_samples: number;
  /** In `sampling.start_context`. */
  max_prompts: number;
  /** Of a sample or a generation. */
  max_new_tokens: number;
  /** Of a text that is scored. */
  max_score_tokens: number;
  /** Of a token; null: any number. One more is answered with 429 and the seconds to wait. */
  requests_per_minute: number | null;
  /** Of a token, texts to score among them; null: any number. */
  generations_at_once: number | null;
  /** Of an owner; null: any number. One more is answered with 429. */
  max_queued_jobs: number | null;
  /** Those of whoever asks; null without a token, which is not counted. */
  queued_jobs: number | null;
  /** Of all data sets, models and checkpoints of an owner; null: any number. More is answered with 507. */
  max_stored_bytes: number | null;
  /** Those of whoever asks; null without a token, which is not counted. */
  stored_bytes: number | null;
  /** Until a generation is answered with what there is. */
  generate_timeout_s: number;
  /** For a trainer that stops, to finish its step and write a checkpoint. */
  stop_grace_s: number;
  /** Of training, until a checkpoint is written that the spec has not asked for. */
  checkpoint_s: number;
  /** Without a report, until a trainer counts as hung. */
  stall_s: number;
  disk_total_bytes: number;
  disk_free_bytes: number;
  /** Those that work, with their memory and what they train on. */
  workers: WorkerRecord[];
};

export type Listing_AuditRecord_ = {
  object?: "list";
  data: AuditRecord[];
  /** Whether there are more pages. */
  has_more: boolean;
};

export type Listing_CheckpointRecord_ = {
  object?: "list";
  data: CheckpointRecord[];
  /** Whether there are more pages. */
  has_more: boolean;
};

export type Listing_DatasetRecord_ = {
  object?: "list";
  data: DatasetRecord[];
  /** Whether there are more pages. */
  has_more: boolean;
};

export type Listing_DeliveryRecord_ = {
  object?: "list";
  data: DeliveryRecord[];
  /** Whether there are more pages. */
  has_more: boolean;
};

export type Listing_DeviceMetricsRecord_ = {
  object?: "list";
  data: DeviceMetricsRecord[];
  /** Whether there are more pages. */
  has_more: boolean;
};

export type Listing_EventRecord_ = {
  object?: "list";
  data: EventRecord[];
  /** Whether there are more pages. */
  has_more: boolean;
};

export type Listing_ImportedModelRecord_ = {
  object?: "list";
  data: ImportedModelRecord[];
  /** Whether there are more pages. */
  has_more: boolean;
};

export type Listing_JobRecord_ = {
  object?: "list";
  data: JobRecord[];
  /** Whether there are more pages. */
  has_more: boolean;
};

export type Listing_LossRecord_ = {
  object?: "list";
  data: LossRecord[];
  /** Whether there are more pages. */
  has_more: boolean;
};

export type Listing_SampleRecord_ = {
  object?: "list";
  data: SampleRecord[];
  /** Whether there are more pages. */
  has_more: boolean;
};

export type Listing_TokenRecord_ = {
  object?: "list";
  data: TokenRecord[];
  /** Whether there are more pages. */
  has_more: boolean;
};

export type Listing_TokenizerRecord_ = {
  object?: "list";
  data: TokenizerRecord[];
  /** Whether there are more pages. */
  has_more: boolean;
};

export type Listing_WebhookRecord_ = {
  object?: "list";
  data: WebhookRecord[];
  /** Whether there are more pages. */
  has_more: boolean;
};

export type Listing_WorkerRecord_ = {
  object?: "list";
  data: WorkerRecord[];
  /** Whether there are more pages. */
  has_more: boolean;
};

/** Of each token. Bytes that are no whole character by themselves are written as `bytes:\xc3`. */
export type LogprobsRecord = {
  tokens: string[];
  /** Null for the first token of a prompt, which follows nothing. */
  token_logprobs: (number | null)[];
  /** The likeliest tokens, and the one that stands there if it is none of them. */
  top_logprobs: (Record<string, number | null> | null)[];
  /** Characters of the choice's text before the token. */
  text_offset: number[];
};

/** An evaluation. */
export type LossRecord = {
  /** The 0-based number of the update just made. */
  step: number;
  /** From 1. */
  epoch: number;
  tokens_seen: number;
  /** Nats per token. */
  train_loss: number;
  /** Nats per token. */
  val_loss: number;
  /** The validation loss in bits per byte of text, which can be compared between tokenizers: the nats of the evaluated targets / ln 2 / their bytes in UTF-8 (the ends of texts count in neither). Null where they have no bytes, and in rows of earlier versions. */
  val_bpb: number | null;
  learning_rate: number;
  /** Global L2 norm of the gradient, before clipping. */
  grad_norm: number | null;
  tokens_per_s: number | null;
  /** Training time of all attempts until then, without pauses and waiting. Null in rows of earlier versions. */
  elapsed_s: number | null;
  recorded_at: string;
};

/** What the trainer holds when it holds the most. */
export type MemoryRecord = {
  /** Where it is held: the GPU (`cuda`) or this machine. Where no live worker says what it trains on, that which takes the most. */
  device: string;
  /** In which numerics; where no live worker says what `auto` come to, that which takes the most. */
  numerics: string;
  total_bytes: number;
  /** Of Python and PyTorch, and the holes that making the model has left. */
  runtime_bytes: number;
  /** Also as they were converted to be multiplied, in bfloat16. */
  weights_bytes: number;
  /** Of those that are there at once. */
  gradients_bytes: number;
  optimizer_bytes: number;
  /** What the forward pass keeps for the backward pass. */
  activations_bytes: number;
  /** The scores of every token of the vocabulary, and their gradient. */
  logits_bytes: number;
};

/** The shape of the GPT. The vocabulary's size is not here: it follows from the tokenizer. */
export type ModelConfig = {
  /** Tokens that the model sees at once. Default: the lecture's 256 (GPT-2 has 1,024). */
  context_length?: number;
  /** Width of the residual stream; a multiple of `n_heads`. Default: GPT-2 small's. */
  emb_dim?: number;
  /** Attention heads of each block. Default: GPT-2 small's. */
  n_heads?: number;
  /** Transformer blocks. Default: GPT-2 small's. */
  n_layers?: number;
  /** Dropout probability, for embeddings, attention weights and both residual connections. Default: GPT-2's. */
  drop_rate?: number;
  /** Whether the query, key and value projections have a bias. Default: the lecture's (GPT-2 has one). */
  qkv_bias?: boolean;
  /** Whether the output head is the token embedding's matrix. Default: the lecture's (GPT-2 ties them). */
  tie_weights?: boolean;
  /** `pytorch`: PyTorch's defaults, drawn in the lecture's order of modules. `gpt2`: GPT-2's scheme, normal weights of standard deviation 0.02 (Radford et al. 2019). Default: null, which is filled in: `gpt2` where the head is tied, as PyTorch's N(0, 1) embedding would be the output matrix too and start at a loss in the hundreds, else `pytorch`, the lecture's. */
  initialization?: "pytorch" | "gpt2" | null;
};

export type ModelListRecord = {
  object?: "list";
  data: ModelRecord[];
};

/** A checkpoint, or a model from outside, that can be asked. */
export type ModelRecord = {
  /** `JOB_ID`, `JOB_ID:best` or `JOB_ID:STEP`; of a model from outside its own. */
  id: string;
  object?: "model";
  /** When the checkpoint was written, or the model sent, in seconds since 1970. */
  created: number;
  owned_by?: string;
};

/** A text to train on. */
export type NewDataset = {
  /** A name of your choice. */
  name: string;
  /** The text itself. */
  text: string;
};

/** An access token that has just been made. */
export type NewTokenRecord = {
  id: string;
  object?: "token";
  name: string;
  /** Whose the jobs, data sets, tokenizers and models are that it makes. */
  owner: string;
  /** What it allows: `read`, `write` and `admin`, each of which has those before it. */
  scopes: string[];
  created_at: string;
  /** Null: never. */
  expires_at: string | null;
  revoked_at: string | null;
  /** To the minute. */
  last_used_at: string | null;
  /** Its text, for `Authorization: Bearer`. It is shown this once. */
  token: string;
};

/** An error as OpenAI's API answers with it. */
export type OpenAIError = {
  error: OpenAIErrorDetail;
};

export type OpenAIErrorDetail = {
  /** What happened, and what would be right. */
  message: string;
  /** `invalid_request_error`, `server_error` or another kind. */
  type: string;
  /** The first wrong field. */
  param: string | null;
  /** Such as `model_not_found`. */
  code: string | null;
};

/** Trainable parameters by the lecture's parts. */
export type ParametersRecord = {
  token_embedding: number;
  position_embedding: number;
  /** Transformer blocks, each of which has the parameters of `block`. */
  blocks: number;
  block: BlockParametersRecord;
  final_norm: number;
  /** Of the output head's own; 0 where it is the token embedding's matrix. */
  head: number;
  total: number;
  /** The total without the head's own, which is how GPT-2's sizes are quoted: its head is tied. */
  without_head: number;
};

/** The model from outside that a job starts from. */
export type ParentModelRecord = {
  /** Its id; it may have been deleted since. */
  model: string;
};

/** The checkpoint that a job starts from. */
export type ParentRecord = {
  /** The id of its job, which may have been deleted since. */
  job: string;
  /** Its step. */
  checkpoint: number;
};

/** An error (RFC 9457). */
export type Problem = {
  /** Always `about:blank`: the status says what kind of problem it is. */
  type: string;
  /** The HTTP status in words. */
  title: string;
  /** The HTTP status. */
  status: number;
  /** What happened this time, and what would be right. */
  detail: string;
  /** The path that was asked for. */
  instance: string;
  /** Every wrong field; with status 422 only. */
  errors?: WrongField[] | null;
};

/** How far a running job has come. Only streams have it, without an id: the next one says all that it said. */
export type ProgressEventRecord = {
  job_id: string;
  type?: "progress";
  attempt: number;
  data: ProgressRecord;
};

export type ProgressRecord = {
  /** The running epoch, from 1; 0 before the first. */
  epoch: number;
  /** Optimizer steps done. */
  step: number;
  /** Optimizer steps of the whole job, unless it stops early; null until its text is prepared. */
  total_steps: number | null;
  /** Tokens trained on, all epochs together. */
  tokens_seen: number;
  /** `step` of `total_steps`. */
  fraction: number;
  /** Tokens trained on in a second, lately. */
  tokens_per_s: number | null;
  /** Seconds to the job's end unless it stops early, estimated from what its steps, evaluations, samples and checkpoints have taken so far; null unless it runs, and until enough of them have been measured. */
  remaining_s: number | null;
};

/** What has been deleted, or with `dry_run` would be. */
export type PruneRecord = {
  object?: "prune";
  dry_run: boolean;
  /** Of all together. What a fork of the checkpoint still has is freed when that goes too. */
  bytes: number;
  data: PrunedRecord[];
};

/** Whose checkpoints to delete, and which of them to keep. Only jobs that have ended and are not starred are touched, and no checkpoint that another job needs. */
export type PruneRequest = {
  /** What each job keeps: `last`, its newest checkpoint; `best`, the one of lowest validation loss; `optimizer`, the optimizer's state of those that are kept, without which a fork starts from the weights alone. Default: both checkpoints, without it. */
  keep?: ("last" | "best" | "optimizer")[];
  /** Only jobs that have ended so. Default: all that have ended. */
  status?: ("succeeded" | "failed" | "cancelled")[] | null;
  /** Only jobs that ended at least so many seconds ago. Default: 0. */
  older_s?: number;
  /** Only jobs that are archived, or that are not. Default: both. */
  archived?: boolean | null;
  /** Whether only to say what would be deleted. Default: false. */
  dry_run?: boolean;
};

/** A checkpoint, or an optimizer's state in one. */
export type PrunedRecord = {
  job_id: string;
  /** The checkpoint's. */
  step: number;
  /** `checkpoint`: all of it; `optimizer`: its optimizer's state, the weights stay. */
  what: "checkpoint" | "optimizer";
  bytes: number;
};

/** How fast a machine trains in one numerics, measured on steps of small models. */
export type RatesRecord = {
  /** Of matrix products, and of what is computed for each of their operations besides. */
  flops_per_s: number;
  /** Of the products of queries, keys and values, with their masks, softmax and dropout. */
  attention_flops_per_s: number;
  /** Seconds that a batch takes besides, however small it and the model are. */
  batch_s: number;
  /** Seconds that a layer's operations take in a step, however small they are. */
  layer_s: number;
  /** Seconds for each number of each layer's input, in a step. */
  number_s: number;
  /** Seconds for each logit, in a step. */
  logit_s: number;
  /** Of memory that an update reads and writes. */
  bytes_per_s: number;
  /** Of the time that a batch takes, an update not counted, what it takes to evaluate one. */
  evaluated_share: number;
};

export type ReadinessRecord = {
  status?: "ready";
  /** For each of database, broker, migrations, artifacts and workers: `ok`. */
  checks: Record<string, string>;
};

/** Why a spec does not fit, as `POST /jobs` would refuse it. */
export type ReasonRecord = {
  /** Dotted path of the field. */
  field: string;
  /** What would be right. */
  message: string;
  /** What was given; of a long value the first 200 characters. */
  value: any;
};

/** A text that the model generated during training. */
export type SampleRecord = {
  /** Of the job's own samples. */
  id: string;
  step: number;
  epoch: number;
  /** Of the prompt among those of `sampling.start_context`, from 0. */
  index: number;
  prompt: string;
  /** The prompt and its continuation. */
  text: string;
  recorded_at: string;
};

/** The text samples, of every epoch unless said otherwise. */
export type SamplingConfig = {
  /** The prompt, or up to 8 of them, each continued as if it were the only one. Default: the lecture's. */
  start_context?: string | string[];
  /** Epochs between samples; null for none by epoch. One is always written at the end. Default: the lecture's. */
  every_epochs?: number | null;
  /** Steps between samples; null for none by step. Default: the lecture's (null). */
  every_steps?: number | null;
  /** Tokens to generate. Default: the lecture's. */
  max_new_tokens?: number;
  /** 0 takes the likeliest token; above, logits are divided by it and a token is drawn. Default: the lecture's 0. */
  temperature?: number;
  /** Draw among the k likeliest tokens only. Default: null, all of them. */
  top_k?: number | null;
  /** Draw among the fewest likeliest tokens whose probabilities reach this sum (Holtzman et al. 2020). Default: null, all of them. */
  top_p?: number | null;
};

/** How well a job's checkpoint, or a model from outside, predicts a text. */
export type ScoreRecord = {
  object?: "score";
  /** Null for a model from outside. */
  job_id: string | null;
  /** Null for a job. */
  model_id: string | null;
  /** The step of the job's checkpoint. */
  checkpoint: number | null;
  tokens: TokenScoreRecord[];
  /** Mean of the tokens' nats. Null for a text of one token. */
  loss: number | null;
  /** The exponential of the loss. Null where the loss is, or where no number is large enough. */
  perplexity: number | null;
  /** All nats, in bits, by the bytes of the tokens that have any: comparable between tokenizers. */
  bits_per_byte: number | null;
};

export type ScoredText = {
  /** The job to ask. Default: the newest job that has a checkpoint. */
  job_id?: string | null;
  /** `last`, `best`, or a step; `last` and `best` are looked up when they are read. Default: last. */
  checkpoint?: string;
  /** The model from outside to ask, in place of a job. Default: none. */
  model_id?: string | null;
  /** The text to score, of `PRETRAIN_MAX_SCORE_TOKENS` tokens at most. */
  text: string;
};

/** Who asks, and what they may do. */
export type SessionRecord = {
  object?: "session";
  /** The token's name; null on a service without tokens. */
  name: string | null;
  /** Whose the things are that they make; null on a service without tokens. */
  owner: string | null;
  /** What they may do: `read`, `write` and `admin`, each of which has those before it. */
  scopes: string[];
  /** When the session ends, or the token where it was sent itself; null: never. */
  expires_at: string | null;
};

export type SignIn = {
  /** The text of an access token, `pt_...`. */
  token: string;
};

/** A job's checkpoint, `{"job": ID, "checkpoint": "last"}`, or a model from outside, `{"model": ID}`. */
export type StartFrom = {
  /** The id of the job. */
  job?: string | null;
  /** `last`, `best` or the step of the job's checkpoint. Default: null, which is last. */
  checkpoint?: "last" | "best" | number | null;
  /** The id of a model from outside, in place of a job's. */
  model?: string | null;
};

export type Status = "queued" | "running" | "paused" | "succeeded" | "failed" | "cancelled";

export type StreamOptions = {
  /** Whether a last chunk, without a choice, has the `usage`. Default: no. */
  include_usage?: boolean | null;
};

/** A part of a text. */
export type TextPartRecord = {
  object?: "text";
  dataset_id: string;
  /** Characters before it. */
  offset: number;
  /** U+0000 ends each document. */
  text: string;
  /** Of the whole text. */
  characters: number;
  /** Whether the text goes on behind it. */
  has_more: boolean;
};

/** A token of a text. */
export type TextTokenRecord = {
  id: number;
  /** U+FFFD stands for a part of a character. */
  text: string;
  /** Bytes of the part's text, in UTF-8, before the token. */
  start: number;
  /** Bytes up to its end. */
  end: number;
};

/** What `time_s` is the time of. */
export type TimingRecord = {
  /** Its id in `GET /workers`. */
  worker: string;
  device: string;
  numerics: string;
  threads: number;
};

/** The tokens of a text, by one tokenizer and one split. */
export type TokenCountRecord = {
  /** A built-in one's name, or the id of one of your own. */
  tokenizer: string;
  /** Share of the characters in the training text. */
  train_ratio: number;
  /** Ends of documents included. */
  train_tokens: number;
  val_tokens: number;
  /** Tokens that the tokenizer knows; null, as what follows, where an earlier version has counted. */
  vocab_size: number | null;
  /** How many of these occur in the text, in either part. */
  used_tokens: number | null;
  /** Their share of the vocabulary. */
  vocabulary_used: number | null;
  /** Tokens of the longest document, without its end; null if the text is plain. */
  longest_document_tokens: number | null;
};

/** A token that was sampled, and those that were likeliest in its place. */
export type TokenLogprob = {
  /** Its text. Bytes that are no whole character by themselves are U+FFFD in it. */
  token: string;
  /** Its UTF-8 bytes, each from 0 to 255: those of several tokens together may be a character. */
  bytes: number[];
  /** Natural logarithm of its probability under the model, at temperature 1 and over the whole vocabulary. Null if it is not finite. */
  logprob?: number | null;
  /** 1 for the likeliest token of the vocabulary; of equally likely ones the lower id comes first. */
  rank: number;
  /** As many of the likeliest tokens as were asked for, the likeliest first. */
  top: LikelyToken[];
};

/** A part of a text, and its tokens. */
export type TokenPartRecord = {
  object?: "tokens";
  dataset_id: string;
  tokenizer: string;
  /** Characters before the part: those that were asked for, or fewer, since it begins where tokens are divided. */
  offset: number;
  /** U+0000 ends each document; it is the end-of-text token. */
  text: string;
  /** They follow one another without a gap, from the start of `text` to its end. */
  tokens: TextTokenRecord[];
  /** Whether they are those of the whole text. False within a word of more than 1,000 characters. */
  exact: boolean;
  /** Of the whole text. */
  characters: number;
  /** Whether the text goes on behind it, at `offset` and the characters of `text`. */
  has_more: boolean;
};

/** An access token, without its text. */
export type TokenRecord = {
  id: string;
  object?: "token";
  name: string;
  /** Whose the jobs, data sets, tokenizers and models are that it makes. */
  owner: string;
  /** What it allows: `read`, `write` and `admin`, each of which has those before it. */
  scopes: string[];
  created_at: string;
  /** Null: never. */
  expires_at: string | null;
  revoked_at: string | null;
  /** To the minute. */
  last_used_at: string | null;
};

export type TokenRequest = {
  /** A name of your choice, such as of who or what uses it. */
  name: string;
  /** What it allows: `read` to see and to generate, `write` to post, change and delete, `admin` to see and change what is others', and to make tokens. Each has those before it. Default: read and write. */
  scopes?: ("read" | "write" | "admin")[];
  /** Whose the things are that it makes, which all tokens of that owner see and change. Default: its name. */
  owner?: string | null;
  /** Seconds from now. Default: null, never. */
  expires_in_s?: number | null;
};

/** A token of the text, and how well the model predicted it. */
export type TokenScoreRecord = {
  /** Its text. Bytes that are no whole character by themselves are U+FFFD in it. */
  token: string;
  /** Its UTF-8 bytes: those of several tokens together may be a character. */
  bytes: number[];
  /** Its loss: minus the natural logarithm of its probability after the tokens before it. Null for the first token, which follows nothing. */
  nats: number | null;
  /** 1 for the likeliest token of the vocabulary. Null for the first token. */
  rank: number | null;
};

/** A byte-level BPE that is trained on a data set. */
export type TokenizerRecord = {
  /** What a job's `tokenizer` names it by. */
  id: string;
  object?: "tokenizer";
  name: string;
  /** Whose it is: the owner of the token that it was made with. Null if none was needed: everybody sees it, and administrators change it. */
  owner: string | null;
  /** Whether others than its owner and administrators see it. */
  shared: boolean;
  /** `preparing` until a worker has trained it; jobs may be posted meanwhile, and wait. */
  status: "preparing" | "ready" | "failed";
  /** Why it could not be trained, or, while it is `preparing`, why it is tried again later. */
  error: string | null;
  /** Of the work that is done: 0.9 once its text is read. */
  fraction: number;
  /** The id of the data set that it is trained on, which may have been deleted since it is ready. */
  dataset: string;
  dataset_sha256: string;
  /** Tokens that were asked for. */
  asked_vocab_size: number;
  /** Tokens that it knows, the 256 bytes and the end of a text among them. Fewer than were asked for if its text is too small: a pair that occurs once is not merged. Null until it is ready. */
  vocab_size: number | null;
  /** Of its tokens as tiktoken's files have them; null until it is ready. */
  sha256: string | null;
  /** On the first `measured_bytes` of its own text; null until it is ready. */
  bytes_per_token: number | null;
  /** The same of GPT-2's tokenizer, on the same bytes. */
  gpt2_bytes_per_token: number | null;
  /** Of its text, from its start, about 8 MiB at most. */
  measured_bytes: number | null;
  created_at: string;
};

export type TokenizerRequest = {
  /** A name of your own. */
  name: string;
  /** The text to train it on: a built-in data set, or the id of one of your own. */
  dataset: string;
  /** Tokens at most, the 256 bytes and the end of a text among them (GPT-2 has 50,257). */
  vocab_size: number;
};

export type TokensRecord = {
  /** In the text to train on. */
  train: number;
  /** In the text to validate on. */
  validation: number;
  /** That an epoch trains on; windows that fill no batch are dropped. */
  epoch: number;
  /** That the job trains on, all epochs together. */
  total: number;
};

/** How the model learns. */
export type TrainingConfig = {
  /** Passes over the training text. Default: the lecture's. */
  num_epochs?: number;
  /** Stop after this many optimizer steps, if the epochs have not ended before. Default: no limit. */
  max_steps?: number | null;
  /** Windows in a micro-batch. Default: the lecture's. */
  batch_size?: number;
  /** Micro-batches whose gradients are averaged into one optimizer step. The last step of an epoch takes those that are left. Default: the lecture's (none). */
  grad_accumulation?: number;
  /** Tokens between the starts of two neighbouring windows; null means `context_length`, so that windows tile the text. Default: the lecture's. */
  stride?: number | null;
  /** Share of the text's characters, from its start, to train on; the rest validates. Null, which is filled in, where there is a `validation_dataset`: all of the text is trained on. Default: the lecture's. */
  train_ratio?: number | null;
  /** `adamw` (Loshchilov and Hutter 2019), or `muon` (Jordan et al. 2024) for the matrices of the blocks and AdamW for the rest. Default: the lecture's. */
  optimizer?: "adamw" | "muon";
  /** Peak learning rate. Default: the lecture's. */
  learning_rate?: number;
  /** Decoupled weight decay, on every parameter. Default: the lecture's. */
  weight_decay?: number;
  /** AdamW's decay rates of the first and the second moment. Default: PyTorch's, as in the lecture. */
  betas?: [number, number];
  /** `constant`, `linear` or `cosine` decay from `learning_rate` to `min_learning_rate` after the warm-up. Default: the lecture's. */
  lr_schedule?: "constant" | "linear" | "cosine";
  /** Steps over which the rate rises linearly to `learning_rate`, at most those of the job. Default: the lecture's (none). */
  warmup_steps?: number;
  /** What `linear` and `cosine` approach: the step after the last would have it. At most `learning_rate`. Default: 0. */
  min_learning_rate?: number;
  /** Global gradient-norm clip: the greatest L2 norm of all gradients together; null does not clip. Default: the lecture's (null). */
  grad_clip?: number | null;
  /** `reference`: float32 and the lecture's own arithmetic and random draws, to the digit. `float32` and `bfloat16`: the same mathematics, computed fast (`float32` on a GPU by TF32, 10 bits of precision). `auto`: bfloat16 where the device has arithmetic for it, else float32. Default: auto. */
  numerics?: "auto" | "reference" | "float32" | "bfloat16";
  /** Whether to compile the loss with `torch.compile`: the first step takes up to a minute longer, those after it less time on a GPU, so that it pays there for jobs of more than a thousand steps. Not with the numerics `reference`; the worker needs a C++ compiler. Default: no. */
  compile?: boolean;
  /** Seeds the weights, the dropout and the epochs' order. Default: the lecture's. */
  seed?: number;
  /** Stop after this many evaluations in a row without a new lowest validation loss; null never stops early. With it, the weights of every evaluation of a new lowest validation loss are a checkpoint. Default: the lecture's (null). */
  early_stopping_patience?: number | null;
};

/** How many tokens were read and written. */
export type UsageRecord = {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
};

export type VersionRecord = {
  version: string;
};

/** A URL that is told of what happens to jobs. */
export type WebhookRecord = {
  id: string;
  object?: "webhook";
  url: string;
  /** What it is told of. */
  events: ("job.queued" | "job.running" | "job.paused" | "job.succeeded" | "job.failed" | "job.cancelled" | "job.deleted" | "alert")[];
  /** What its deliveries are signed with: in the answer to its POST, and null ever after. */
  secret: string | null;
  /** `disabled` once its deliveries have failed for so long that nothing more is sent; delete it, and post it anew. */
  status: "enabled" | "disabled";
  /** Why it is disabled. */
  detail: string | null;
  /** Attempts that have failed since the last one that succeeded. */
  failures: number;
  created_at: string;
};

export type WebhookRequest = {
  /** Where deliveries are posted to: `https` or `http`, on any port, at a public address, or one in `PRETRAIN_WEBHOOK_ALLOW_PRIVATE`. */
  url: string;
  /** What it is told of: a job's changes of status, and its alerts. Default: ends, pauses and alerts. */
  events?: ("job.queued" | "job.running" | "job.paused" | "job.succeeded" | "job.failed" | "job.cancelled" | "job.deleted" | "alert")[];
  /** What deliveries are signed with. Default: one of 256 random bits. */
  secret?: string | null;
};

/** A process that trains jobs (`train`) or answers prompts (`generate`). */
export type WorkerRecord = {
  id: string;
  object?: "worker";
  queue: string;
  host: string;
  pid: number;
  status: "idle" | "busy" | "hung" | "lost";
  /** Why it is hung or lost. */
  detail: string | null;
  /** The job that it is working on; null also where that is another owner's. */
  job_id: string | null;
  /** Memory that it has for a job, on its GPU or of the machine; null where it is unknown. */
  memory_bytes: number | null;
  /** What it trains on: a GPU's name, or `cpu`; null where it is unknown, and for other queues. */
  device: string | null;
  /** How its jobs are trained, and how fast; null until it has looked, and of other workers. */
  calibration: CalibrationRecord | null;
  /** When it began that job, or became idle. */
  since: string;
  started_at: string;
  /** Its last heartbeat. */
  heard_at: string;
};

export type WrongField = {
  /** Dotted path of the field; empty for the body as a whole. */
  field: string;
  /** What would be right. */
  message: string;
  /** What was given; of a long value the first 200 characters. Not there where nothing was given. */
  value?: any;
};
