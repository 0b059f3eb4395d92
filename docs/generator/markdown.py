"""Texts of the code in Markdown."""

NOTE = "<!-- Made from the code by `make docs`: change what it says there. -->\n\n"


def made_by(text: str) -> str:
    """A page, with a note for whoever would change it."""
    return NOTE + text.rstrip("\n") + "\n"


def cell(text: str) -> str:
    """A table's cell. GitHub divides cells also at bars that stand in code."""
    return text.replace("|", "\\|")


def code_block(text: str, language: str = "") -> str:
    return f"```{language}\n{text.rstrip()}\n```\n"
