"""Stop strings: a streamed text that ends before the first of them."""

import codecs
from collections.abc import Sequence


class StopStringFilter:
    """Decodes UTF-8 bytes as they arrive and lets the text through up to the first stop string.

    What might be the beginning of a stop string, or is an incomplete character, is held back until more
    arrives.
    """

    def __init__(self, stop: Sequence[str]) -> None:
        self.stop = [string for string in stop if string]
        self.decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.pending = ""
        """Decoded, but held back."""
        self.stopped = False

    def feed(self, data: bytes) -> str:
        """Take more bytes; return the text that is certain now."""
        return self._let_through(self.decoder.decode(data))

    def flush(self) -> str:
        """Return the rest of the text, an incomplete character as U+FFFD."""
        text = self._let_through(self.decoder.decode(b"", final=True))
        return text if self.stopped else text + self.pending

    def _let_through(self, text: str) -> str:
        if self.stopped:
            return ""
        self.pending += text
        starts = [start for string in self.stop if (start := self.pending.find(string)) >= 0]
        self.stopped = bool(starts)
        end = min(starts) if starts else len(self.pending) - self._partial_match()
        certain, self.pending = self.pending[:end], self.pending[end:]
        return certain

    def _partial_match(self) -> int:
        """Length of the longest suffix of the pending text that is a prefix of a stop string."""
        lengths = (
            length
            for string in self.stop
            for length in range(min(len(string) - 1, len(self.pending)), 0, -1)
            if self.pending.endswith(string[:length])
        )
        return max(lengths, default=0)
