"""The documents whose commands are run, and which of these are not."""

from tests.client.running import ROOT

NOT_RUN = {
    "docker": "needs a Docker daemon and images",
    "foreground": "runs until Ctrl-C: the service is up when the document's other commands run",
    "gpu": "needs a GPU",
    "hub": "needs the network, and the extra `hub`",
    "lecture": "trains 162 million parameters for minutes; the blocks after it go on with the job before",
    "setup": "is how the tests' own environment was made",
}
"""Marks of blocks that tests do not run, and why."""
OPEN = (
    "README.md",
    "docs/tutorial.md",
    "docs/how-to/export.md",
    "docs/how-to/openai-weights.md",
    "docs/how-to/own-text.md",
    "docs/how-to/own-tokenizer.md",
    "docs/how-to/recover.md",
)
"""Documents whose commands need no token: they share a service."""
WITH_TOKENS = ("docs/how-to/class.md", "docs/how-to/tokens.md")
"""Documents that give a service tokens, so that each has one of its own."""
OTHERS = (
    "docs/how-to/backup.md",
    "docs/how-to/gpu.md",
    "docs/how-to/proxy.md",
    "docs/how-to/several-workers.md",
)
"""Those that have a test of their own, which starts what they need; no test has a GPU."""
POSTGRESQL = "postgresql"
"""Marks what is run with that database alone."""
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "tutorial.md", *(ROOT / "docs" / "how-to").glob("*.md"))
GUIDES = sorted(str(file.relative_to(ROOT)) for file in DOCUMENTS)
