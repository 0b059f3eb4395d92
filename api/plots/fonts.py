"""Fonts for names in any script, from packages, since a machine or a container may have none."""

import unicodedata
from functools import cache, lru_cache
from importlib import resources

from matplotlib.font_manager import FontEntry, fontManager
from matplotlib.ft2font import FT2Font

KURINTO = "weblate_fonts/static/weblate_fonts/kurinto/ttf"
FONTS = {
    "latin": "matplotlib/mpl-data/fonts/ttf/DejaVuSans.ttf",
    "simplified": f"{KURINTO}/KurintoSansSC-Rg.ttf",
    "traditional": f"{KURINTO}/KurintoSansTC-Rg.ttf",
    "japanese": f"{KURINTO}/KurintoSansJP-Rg.ttf",
    "korean": f"{KURINTO}/KurintoSansKR-Rg.ttf",
    "emoji": "manimgx_fonts/NotoEmoji[wght].ttf",
    "others": f"{KURINTO}/KurintoSans-Rg.ttf",
}
"""The files in their packages, in the order in which they are searched for a glyph."""

HAN_STYLES = {"HIRAGANA": "japanese", "KATAKANA": "japanese", "HANGUL": "korean", "BOPOMOFO": "traditional"}
"""The font for Chinese characters in a text that also has one of these scripts; else `simplified`."""

INVISIBLE = {"\u200c", "\u200d", *map(chr, range(0xFE00, 0xFE10)), *map(chr, range(0xE0100, 0xE01F0))}
"""Joiners and variation selectors: they change their neighbours and have no glyph of their own."""

BLANK = {" ", "\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u2800", "\u3164", "\uffa0"} | INVISIBLE
"""Characters whose glyphs are empty: fillers, and Braille without a dot."""


def is_blank(text: str) -> bool:
    """Whether nothing of it could be seen in a plot."""
    return set(drawable(text)) <= BLANK


def drawable(text: str) -> str:
    """`text` on one line, without control characters, and with codes such as `U+1FAE9` for missing glyphs."""
    return "".join(as_drawn(character) for character in " ".join(text.split()))


def as_drawn(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    if character not in INVISIBLE and category in ("Cc", "Cf", "Zl", "Zp"):
        return ""
    if any(has_glyph(font, character) for font in FONTS):
        return character
    return "" if character in INVISIBLE else f"U+{ord(character):04X}"


def families(text: str) -> list[str]:
    """Matplotlib's names of the fonts that a drawable text needs, in the order of the search."""
    preferred = han_style(text)
    names, missing = [], [character for character in text if character not in INVISIBLE]
    for font in sorted(FONTS, key=lambda font: (font != "latin", font != preferred)):
        still_missing = [character for character in missing if not has_glyph(font, character)]
        if len(still_missing) < len(missing):
            names.append(family(font))
        missing = still_missing
    return names or [family("latin")]


def han_style(text: str) -> str:
    scripts = (unicodedata.name(character, "").partition(" ")[0] for character in text)
    return next((HAN_STYLES[script] for script in scripts if script in HAN_STYLES), "simplified")


@lru_cache(10_000)
def has_glyph(font: str, character: str) -> bool:
    return load_font(font).get_char_index(ord(character)) != 0


@cache
def load_font(font: str) -> FT2Font:
    return FT2Font(path_of(font))


@cache
def family(font: str) -> str:
    """Registers the font with Matplotlib under a name of our own. Its own name is ambiguous: Kurinto's fonts
    for Chinese, Japanese and Korean also have the name of the one for all other scripts."""
    name = f"pretrain {font}"
    fontManager.ttflist.append(
        FontEntry(
            path_of(font),
            name=name,
            style="normal",
            variant="normal",
            weight=400,
            stretch="normal",
            size="scalable",
        )
    )
    return name


def path_of(font: str) -> str:
    package, _, path = FONTS[font].partition("/")
    return str(resources.files(package).joinpath(path))
