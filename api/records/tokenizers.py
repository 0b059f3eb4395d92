"""A tokenizer that was trained on a data set as the API shows it."""

from typing import Literal

from api.records.preparation_status import PreparationStatus, preparation_status
from api.records.record import Record, Time, from_row
from jobs.store.tables import TrainedTokenizer


class TokenizerRecord(Record):
    """A byte-level BPE that is trained on a data set."""

    id: str
    """What a job's `tokenizer` names it by."""
    object: Literal["tokenizer"] = "tokenizer"
    name: str
    owner: str | None
    """Whose it is: the owner of the token that it was made with. Null if none was needed: everybody sees it,
    and administrators change it."""
    shared: bool
    """Whether others than its owner and administrators see it."""
    status: PreparationStatus
    """`preparing` until a worker has trained it; jobs may be posted meanwhile, and wait."""
    error: str | None
    """Why it could not be trained, or, while it is `preparing`, why it is tried again later."""
    fraction: float
    """Of the work that is done: 0.9 once its text is read."""
    dataset: str
    """The id of the data set that it is trained on, which may have been deleted since it is ready."""
    dataset_sha256: str
    asked_vocab_size: int
    """Tokens that were asked for."""
    vocab_size: int | None
    """Tokens that it knows, the 256 bytes and the end of a text among them. Fewer than were asked for if its
    text is too small: a pair that occurs once is not merged. Null until it is ready."""
    sha256: str | None
    """Of its tokens as tiktoken's files have them; null until it is ready."""
    bytes_per_token: float | None
    """On the first `measured_bytes` of its own text; null until it is ready."""
    gpt2_bytes_per_token: float | None
    """The same of GPT-2's tokenizer, on the same bytes."""
    measured_bytes: int | None
    """Of its text, from its start, about 8 MiB at most."""
    created_at: Time


def tokenizer_record(tokenizer: TrainedTokenizer) -> TokenizerRecord:
    return from_row(
        TokenizerRecord,
        tokenizer,
        status=preparation_status(tokenizer),
        dataset=tokenizer.dataset_id,
        bytes_per_token=ratio(tokenizer.measured_bytes, tokenizer.measured_tokens),
        gpt2_bytes_per_token=ratio(tokenizer.measured_bytes, tokenizer.measured_gpt2_tokens),
    )


def ratio(count_bytes: int | None, tokens: int | None) -> float | None:
    return count_bytes / tokens if count_bytes and tokens else None
