import io

from client.display.upload_bar import upload_bar
from client.plain_text import clean


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_how_much_has_been_read() -> None:
    terminal = Terminal()
    with upload_bar(terminal) as bar:
        bar.begin(4_000_000)
        bar.advance(1_000_000)
        bar.advance(2_000_000)
    assert "3.0/4.0 MB" in clean(terminal.getvalue())


def test_nothing_is_shown_elsewhere() -> None:
    stream = io.StringIO()
    with upload_bar(stream) as bar:
        bar.begin(None)
        bar.advance(10)
    assert stream.getvalue() == ""
