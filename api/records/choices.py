"""One completion of `POST /v1/completions` as it grows, part by part."""

import codecs
from collections.abc import Iterable, Sequence
from typing import Literal

from api.records.completions import ChoiceRecord, LogprobsRecord
from jobs.broker.generation import Piece
from jobs.broker.token_probs import LikelyToken, ScoredToken, TokenText

FinishReason = Literal["stop", "length"]


class GrowingChoice:
    """Makes the parts of a choice, which know where in its text they stand."""

    def __init__(self, index: int, *, has_logprobs: bool) -> None:
        self.index = index
        self.is_finished = False
        self._has_logprobs = has_logprobs
        self._text_length = 0
        self._token_offset = 0
        """Whole characters of the tokens so far."""
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def echo(self, text: str, tokens: Sequence[ScoredToken]) -> ChoiceRecord:
        """The prompt; `tokens` only matter with logprobs."""
        self._text_length = len(text)
        logprobs = self._logprobs(
            (
                token,
                None if token.nats is None else -token.nats,
                None if token.rank is None else token.top,
            )
            for token in tokens
        )
        self._token_offset = len(text)
        self._decoder.reset()
        return ChoiceRecord(text=text, index=self.index, logprobs=logprobs, finish_reason=None)

    def piece(self, piece: Piece) -> ChoiceRecord:
        self._text_length += len(piece.text)
        logprobs = self._logprobs((token, token.logprob, token.top) for token in piece.logprobs or ())
        if logprobs is not None and piece.finish_reason == "stop":
            logprobs = self._within_text(logprobs)
        self.is_finished = piece.finish_reason is not None
        return ChoiceRecord(
            text=piece.text, index=self.index, logprobs=logprobs, finish_reason=piece.finish_reason
        )

    def end(self) -> ChoiceRecord:
        """The last part of a choice that something else than its own text ends."""
        self.is_finished = True
        logprobs = self._logprobs(())
        return ChoiceRecord(text="", index=self.index, logprobs=logprobs, finish_reason="length")

    def _logprobs(
        self, tokens: Iterable[tuple[TokenText, float | None, Sequence[LikelyToken] | None]]
    ) -> LogprobsRecord | None:
        if not self._has_logprobs:
            return None
        record = LogprobsRecord(tokens=[], token_logprobs=[], top_logprobs=[], text_offset=[])
        for token, logprob, top in tokens:
            name = token_name(token)
            record.tokens.append(name)
            record.token_logprobs.append(logprob)
            record.top_logprobs.append(
                None if top is None else {token_name(each): each.logprob for each in top} | {name: logprob}
            )
            record.text_offset.append(self._token_offset)
            self._token_offset += len(self._decoder.decode(bytes(token.bytes)))
        return record

    def _within_text(self, logprobs: LogprobsRecord) -> LogprobsRecord:
        """Without the tokens of the stop string, which is no part of the text."""
        kept = sum(offset < self._text_length for offset in logprobs.text_offset)
        return LogprobsRecord(
            tokens=logprobs.tokens[:kept],
            token_logprobs=logprobs.token_logprobs[:kept],
            top_logprobs=logprobs.top_logprobs[:kept],
            text_offset=logprobs.text_offset[:kept],
        )


def token_name(token: TokenText) -> str:
    """A token's text, or its bytes as OpenAI's API writes those that are no text."""
    data = bytes(token.bytes)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in data)
