"""The README.md of an exported model."""

from jobs.lifecycle.weights import OpenWeights
from jobs.spec.job_spec import JobSpec

CARD = """\
---
library_name: transformers
pipeline_tag: text-generation
---

# {title}

A language model with GPT-2's architecture, pre-trained from scratch by `pretrain`: {parameters:,} parameters,
a context of {context:,} tokens, {blocks} blocks of width {width:,} with {heads} heads, the tokenizer
`{tokenizer}`.

| | |
| --- | --- |
| job | `{job}` |
| checkpoint | after {steps:,} optimizer steps, in epoch {epoch} |
| validation loss | {val_loss:.4f} nats per token |
| training text | {dataset}, sha256 `{text_sha256}` |
| weights of the job's own checkpoint | sha256 `{weights_sha256}` |

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("FOLDER")
model = AutoModelForCausalLM.from_pretrained("FOLDER")
inputs = tokenizer({prompt!r}, return_tensors="pt")
print(tokenizer.decode(model.generate(**inputs)[0]))
```

`FOLDER` is where this file lies. `model.safetensors` holds float32 in the layout of GPT-2's publication: the
matrices of its linear layers are transposed.{no_bias}{untied}

In a text that is tokenized here, `<|endoftext|>` is the end-of-text token; in the service it is read as plain
characters. `tokenizer(text, split_special_tokens=True)` reads it so here too.
"""
NO_BIAS = " The model has no query, key and value biases: those in the file are zeros, which is the same."
UNTIED = " Its output head is a matrix of its own (`lm_head.weight`), not the token embedding's."


def model_card(weights: OpenWeights, spec: JobSpec) -> str:
    job, checkpoint, model = weights.job, weights.checkpoint, spec.model
    return CARD.format(
        title=(spec.name or job.id).replace("\n", " "),
        parameters=job.parameters,
        context=model.context_length,
        blocks=model.n_layers,
        width=model.emb_dim,
        heads=model.n_heads,
        tokenizer=spec.tokenizer,
        job=job.id,
        steps=checkpoint.step,
        epoch=checkpoint.epoch,
        val_loss=checkpoint.val_loss,
        dataset=job.dataset_id,
        text_sha256=job.dataset_sha256,
        weights_sha256=checkpoint.sha256,
        prompt=spec.sampling.prompts[0],
        no_bias="" if model.qkv_bias else NO_BIAS,
        untied="" if model.tie_weights else UNTIED,
    )
