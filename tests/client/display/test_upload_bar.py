import io

from client.display.upload_bar import upload_bar
from client.plain_text import clean


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_how_much_has_been_read() -> None:
    terminal = Terminal()
    with upload_bar(terminal, 4_000_000) as on_read:
        on_read(1_000_000)
        on_read(2_000_000)
    assert "3.0/4.0 MB" in clean(terminal.getvalue())


def test_nothing_is_shown_elsewhere() -> None:
    stream = io.StringIO()
    with upload_bar(stream, None) as on_read:
        on_read(10)
    assert stream.getvalue() == ""
