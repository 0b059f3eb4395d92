"""Writes what follows from the code: the reference in `docs/reference`, and the types of records for the
client and for the page.

python -m docs.generator           writes all of it (`make docs`)
python -m docs.generator FILE...   writes these files of it (`make types`: those of types)
python -m docs.generator --check   says which are not what it would write, and fails if any is (`make check`)
"""

import sys
from collections.abc import Callable, Collection
from pathlib import Path

from docs.generator.cli import cli
from docs.generator.http import http
from docs.generator.python import python
from docs.generator.records import records
from docs.generator.settings import settings
from docs.generator.spec import spec
from docs.generator.typescript import typescript

ROOT = Path(__file__).parents[2]
FILES: dict[str, Callable[[], str]] = {
    "api/pages/static/types/records.d.ts": typescript,
    "client/records.py": records,
    "docs/reference/cli.md": cli,
    "docs/reference/http.md": http,
    "docs/reference/python.md": python,
    "docs/reference/settings.md": settings,
    "docs/reference/spec.md": spec,
}


def outdated(names: Collection[str]) -> dict[Path, str]:
    """Those of the files that are not what follows from the code, with what does."""
    made = {ROOT / name: FILES[name]() for name in names}
    return {file: text for file, text in made.items() if not file.exists() or file.read_text() != text}


def main(arguments: list[str]) -> int:
    is_check = arguments == ["--check"]
    found = outdated(FILES.keys() if is_check or not arguments else arguments)
    if is_check:
        for file in found:
            print(f"{file.relative_to(ROOT)} is not what follows from the code: make docs")
        return 1 if found else 0
    for file, text in found.items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        print(f"wrote {file.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
