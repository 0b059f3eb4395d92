"""Prepares a text: writes its tokens, and counts them."""

import os

from jobs.files.arriving_text import BadText
from jobs.files.datasets import get_dataset
from jobs.files.layout import tokens_path
from jobs.files.token_counts import Counted
from jobs.files.tokenizers import TokenizerLost, TokenizerNotReady
from jobs.lifecycle.preparation import finish_preparation
from jobs.store.tables import Preparation
from model.storage.splits import CHUNK_BYTES, Split
from model.storage.vocabulary_use import count_vocabulary_use
from worker.preparation.preparer import Preparer, Unpreparable
from worker.tokens import ensure_tokens, stored_tokenizer


class TextPreparer(Preparer[Preparation]):
    def prepare(self) -> None:
        claimed, settings = self.claimed, self.settings
        dataset = self.read(lambda session: get_dataset(session, claimed.dataset_id))
        text_chunks, chunks_done = -(-dataset.bytes // CHUNK_BYTES), 0

        def get_on() -> None:
            """One more chunk is done, of those that are tokenised after they have been read through once."""
            nonlocal chunks_done
            chunks_done += 1
            self.get_on(min(1.0, max(0, chunks_done - text_chunks) / max(1, text_chunks)))

        try:
            tokenizer = stored_tokenizer(settings, self.database, claimed.tokenizer)
            self.get_on(0.0)
            threads = settings.threads or os.cpu_count() or 1
            manifest = ensure_tokens(
                settings, dataset, tokenizer, claimed.train_ratio, threads, on_progress=get_on
            )
        except (BadText, TokenizerLost, TokenizerNotReady) as error:
            raise Unpreparable(str(error)) from error
        source = (dataset.sha256, tokenizer.name, claimed.train_ratio, dataset.text_start_bytes)
        use = count_vocabulary_use(tokens_path(settings.artifacts, *source), manifest, tokenizer, get_on)
        by_split: dict[Split, int] = {"train": manifest.train_tokens, "validation": manifest.val_tokens}
        counts = Counted(by_split, use.vocab_size, use.used_tokens, use.longest_document_tokens)
        self.write(lambda session: finish_preparation(session, claimed, counts, settings))
