"""What a sample has word for word from a training text."""

from hypothesis import given
from hypothesis import strategies as st

from jobs.files.copied_spans import CopiedSpan, copied_spans, words_of

TEXT = (
    "I HAD always thought Jack Gisburn rather a cheap genius--though a good fellow enough. "
    "I had always thought so. He was a good fellow enough for Rome."
)


def found(sample: str, min_words: int = 3) -> list[tuple[str, int]]:
    spans = copied_spans(TEXT, sample, words_of(sample), min_words)
    return [(sample[span.start : span.end], span.offset) for span in spans]


def test_a_run_of_words_is_found_with_its_place() -> None:
    assert found("She was rather a cheap genius, they said") == [
        ("rather a cheap genius", TEXT.index("rather"))
    ]


def test_of_several_places_that_of_the_longest_run_counts() -> None:
    run = "a good fellow enough for Rome"
    assert found(f"Not {run}!") == [(run, TEXT.index(run))]


def test_shorter_runs_than_asked_for_are_chance() -> None:
    assert found("a cheap book") == []
    assert found("a cheap genius", min_words=4) == []


def test_words_count_whole_in_the_sample_and_in_the_text() -> None:
    assert found("ways thought Jack") == []
    assert found("always thought Jack Gis") == [("always thought Jack", TEXT.index("always"))]


def test_what_stands_between_the_words_counts_too() -> None:
    assert found("rather a\ncheap genius") == []
    assert found("a cheap genius--though a good") == [
        ("a cheap genius--though a good", TEXT.index("a cheap"))
    ]


def test_spans_follow_each_other_in_the_sample() -> None:
    sample = "always thought so. He and Jack Gisburn rather liked it"
    assert [text for text, _ in found(sample)] == ["always thought so. He", "Jack Gisburn rather"]


def test_words_before_the_start_do_not_count() -> None:
    sample = "Jack Gisburn rather a cheap genius"
    assert copied_spans(TEXT, sample, words_of(sample, len("Jack Gisburn")), 3) == [
        CopiedSpan(sample.index("rather"), len(sample), 4, TEXT.index("rather"))
    ]


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_every_span_stands_in_the_text_as_whole_words_and_none_is_missed(
    text: list[str], own: list[str]
) -> None:
    training, sample = " ".join(text), " ".join(own)
    spans = copied_spans(training, sample, words_of(sample), 2)
    covered: set[int] = set()
    for span in spans:
        run = own[span.start // 2 : (span.end + 1) // 2]
        place = span.offset // 2
        assert text[place : place + len(run)] == run
        assert span.words == len(run) >= 2
        assert not covered & set(range(span.start, span.end))
        covered |= set(range(span.start, span.end))
    for first in range(len(own) - 1):
        pair = own[first : first + 2]
        if any(text[at : at + 2] == pair for at in range(len(text))):
            assert {2 * first, 2 * first + 2} & covered
