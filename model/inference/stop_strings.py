"""Text that ends before a stop string."""

import codecs
from collections.abc import Sequence


class StoppableText:
    """Text made of UTF-8 bytes that arrive in any portions, released no further than the first stop string.

    What might be the beginning of a stop string, or is half a character, is held back until more arrives.
    """

    def __init__(self, stop: Sequence[str]) -> None:
        self.stop = [string for string in stop if string]
        self.decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.released = ""
        self.held = ""
        self.stopped = False

    def add(self, data: bytes) -> str:
        """Take more bytes; return the text that they release."""
        return self._release(self.decoder.decode(data))

    def finish(self) -> str:
        """No more bytes come; return the rest of the text, half a character as U+FFFD."""
        last = self._release(self.decoder.decode(b"", final=True))
        rest = "" if self.stopped else self.held
        self.released += rest
        return last + rest

    def _release(self, text: str) -> str:
        if self.stopped:
            return ""
        self.held += text
        found = [at for string in self.stop if (at := self.held.find(string)) >= 0]
        self.stopped = bool(found)
        end = min(found) if found else len(self.held) - self._possible_start()
        piece, self.held = self.held[:end], self.held[end:]
        self.released += piece
        return piece

    def _possible_start(self) -> int:
        """Length of the longest end of the held text with which a stop string begins."""
        lengths = (
            length
            for string in self.stop
            for length in range(min(len(string) - 1, len(self.held)), 0, -1)
            if self.held.endswith(string[:length])
        )
        return max(lengths, default=0)
