import logging
import warnings
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from api.plots.figure import MARGINS, SIZE_INCHES, draw_losses, set_title
from api.plots.fonts import FONTS, drawable, families, has_glyph, is_blank
from tests.sweeps import examples


@pytest.mark.parametrize(
    ("name", "fonts"),
    [
        ("verdict-small", ["latin"]),
        ("", ["latin"]),
        ("训练 3", ["latin", "simplified"]),
        ("漢字 テスト", ["latin", "japanese"]),
        ("漢字 한국어", ["latin", "korean"]),
        ("驗證ㄅ", ["traditional"]),
        ("😀🧪 👩\u200d🔬 ❤\ufe0f", ["latin", "emoji"]),
        ("ไทย हिन्दी", ["latin", "others"]),
        ("العربية עברית e\u0301", ["latin"]),
    ],
)
def test_a_name_is_drawn_with_the_fonts_that_have_its_characters(name: str, fonts: list[str]) -> None:
    assert drawable(name) == name
    assert families(name) == [f"pretrain {font}" for font in fonts]


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("a\U0001fae9b", "aU+1FAE9b"),  # an emoji that is younger than the font
        ("\u0378", "U+0378"),  # nobody's
        ("\ufdd0", "U+FDD0"),  # never anybody's
        ("a\x01b\nc\u3000d", "ab c d"),
        ("abc\u202edcba\u2069", "abcdcba"),
        ("葛\U000e0100", "葛"),
    ],
)
def test_what_no_font_has_is_written_as_its_code_point_and_what_controls_is_left_out(
    name: str, drawn: str
) -> None:
    assert drawable(name) == drawn


def test_every_font_is_there() -> None:
    letters = {
        "latin": "a",
        "simplified": "训",
        "traditional": "驗",
        "japanese": "テ",
        "korean": "국",
        "emoji": "🧪",
        "others": "ท",
    }
    assert letters.keys() == FONTS.keys()
    assert all(has_glyph(font, letter) for font, letter in letters.items())


scripts = st.sampled_from("a é\u0301漢テ국😀🧪\u200d\ufe0fटا\u0e17\u05d0\u202e\u0378\U0001fae9$\\_^{}")


@given(title=st.text(scripts | st.characters(codec="utf-8"), max_size=70))
@settings(max_examples=examples(40))
def test_any_name_is_drawn_without_a_warning(title: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = draw_losses(title, [], 1, "svg")
    assert ET.fromstring(picture).tag.endswith("svg")


def test_nothing_is_logged_about_fonts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        draw_losses("漢字 テスト 국 🧪 ท \U0001fae9", [], 1, "png")
    assert caplog.messages == []


@pytest.mark.parametrize("letter", ["W", "i", "漢", "\ufdfd", "😀"])
def test_a_long_name_is_cut_where_it_would_be_wider_than_the_plot(letter: str) -> None:
    figure = Figure(figsize=SIZE_INCHES)
    figure.subplots_adjust(**MARGINS)
    axes = figure.add_subplot()
    set_title(axes, letter * 200)
    renderer, room = FigureCanvasAgg(figure).get_renderer(), axes.get_window_extent().width
    shown = axes.title.get_text()
    assert shown == letter * (len(shown) - 1) + "…"
    assert axes.title.get_window_extent(renderer).width <= room
    axes.title.set_text(letter + shown)
    assert axes.title.get_window_extent(renderer).width > room


def test_a_name_that_fits_stands_whole() -> None:
    axes = Figure(figsize=SIZE_INCHES).add_subplot()
    for name in ("a" * 40, "W", ""):
        set_title(axes, name)
        assert axes.title.get_text() == name


@pytest.mark.parametrize("name", ["", "   ", "\u200b", "\u3000\u200d\ufe0f", "\u3164", "\u2800 \u2060"])
def test_a_name_of_which_nothing_is_seen_is_blank(name: str) -> None:
    assert is_blank(name)
    assert not is_blank(name + "a")
