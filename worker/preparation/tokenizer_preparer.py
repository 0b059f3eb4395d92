"""Prepares a tokenizer: has it trained on its text, and places its file."""

from sqlalchemy.orm import Session

from jobs.files.arriving_text import BadText
from jobs.files.datasets import find_text, get_dataset
from jobs.files.store import TOKENIZERS, partial_file, place, release
from jobs.lifecycle.tokenizers import finish_tokenizer
from jobs.process.panics import NativePanic, native_panics_as_errors
from jobs.store.lookup import NotFound
from jobs.store.tables import TrainedTokenizer
from worker.preparation.preparer import Preparer, Unpreparable
from worker.preparation.tokenizer_training import train_tokenizer


class TokenizerPreparer(Preparer[TrainedTokenizer]):
    def prepare(self) -> None:
        claimed, settings = self.claimed, self.settings
        try:
            dataset = self.read(lambda session: get_dataset(session, claimed.dataset_id))
            text = find_text(settings, dataset, lambda: self.get_on(0.0))
        except (NotFound, BadText) as error:
            raise Unpreparable(str(error)) from error
        try:
            with native_panics_as_errors():
                trained = train_tokenizer(settings, claimed.id, text, claimed.asked_vocab_size, self.get_on)
        except NativePanic as panic:  # it would only happen again
            raise Unpreparable(f"the tokenizer that was trained can't encode its text: {panic}") from panic
        facts = trained.facts

        def place_and_finish(session: Session) -> None:
            with partial_file(settings.artifacts, TOKENIZERS) as file:
                file.write(trained.content)
                file.sync()
                place(session, settings.artifacts, TOKENIZERS, file, facts.sha256)
            finish_tokenizer(session, claimed, facts)

        self.write(lambda session: release(session, TOKENIZERS, facts.sha256))
        self.write(place_and_finish)
