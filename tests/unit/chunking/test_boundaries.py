import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragflow.chunking.boundaries import Cut, cut, cut_whole
from ragflow.documents import Content, Page
from ragflow.errors import ParameterError
from tests.unit.chunking.written import content, raw_texts, slices, structured

COMMON = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CONTENTS = structured() | raw_texts.map(lambda text: Content(text=text))
SIZES = st.integers(8, 40)


def check(of: Content, tokenizer, *, size: int, minimum: int) -> None:
    cuts = cut(of, tokenizer, size=size, minimum=minimum)
    reached = 0
    for each in cuts:
        assert each.start >= reached
        assert of.text[reached : each.start].strip() == ""
        text = of.text[each.start : each.end]
        assert text
        assert text == text.strip()
        assert each.text.split() == text.split()
        assert each.text == each.text.strip()
        assert tokenizer.count(each.text) <= size or len(each.text) == 1
        reached = each.end
    assert of.text[reached:].strip() == ""
    assert cuts == cut(of, tokenizer, size=size, minimum=minimum)


@COMMON
@given(of=CONTENTS, size=SIZES, share=st.sampled_from([0, 4, 2]))
def test_chunks_cover_all_in_order_within_the_size_in_words(words, of, size, share):
    check(of, words, size=size, minimum=size // share if share else 0)


@COMMON
@given(of=CONTENTS, size=SIZES, share=st.sampled_from([0, 4, 2]))
def test_chunks_cover_all_in_order_within_the_size_in_tokens_of_a_model(minilm, of, size, share):
    check(of, minilm, size=size, minimum=size // share if share else 0)


@COMMON
@given(of=CONTENTS, size=SIZES, share=st.sampled_from([0, 4, 2]))
def test_chunks_cover_all_in_order_within_the_size_in_tokens_of_an_llm(cl100k, of, size, share):
    check(of, cl100k, size=size, minimum=size // share if share else 0)


@COMMON
@given(of=CONTENTS, size=SIZES)
def test_the_whole_is_one_chunk_within_the_size(minilm, of, size):
    cuts = cut_whole(of, minilm, size=size)
    assert len(cuts) == (1 if of.text.strip() else 0)
    for each in cuts:
        text = of.text[each.start : each.end]
        assert text == text.strip()
        assert of.text[: each.start].strip() == ""
        assert each.text.split() == text.split()
        assert minilm.count(each.text) <= size or len(text) == 1
        assert each.truncated == bool(of.text[each.end :].strip())


@COMMON
@given(before=structured(), after=structured(), between=structured(), size=SIZES)
def test_an_edit_in_one_section_moves_nothing_in_the_next(words, before, after, between, size):
    closing, heading = content("The end."), content("# Next")
    texts = []
    for first in (before, between):
        joined = _joined(first, closing, heading, after)
        start = joined.text.index("Next", len(first.text))
        cuts = cut(joined, words, size=size, minimum=4)
        texts.append([joined.text[c.start : c.end] for c in cuts if c.start >= start])
    assert texts[0] == texts[1]


def _joined(*parts: Content) -> Content:
    text, elements = "", []
    for part in parts:
        for each in part.elements:
            start, end = each.start + len(text), each.end + len(text)
            elements.append(type(each)(kind=each.kind, start=start, end=end, level=each.level))
        text += part.text + "\n\n"
    return Content(text=text, elements=tuple(elements))


def test_nothing_but_white_space_gives_no_chunk(words):
    assert cut(Content(text=""), words) == []
    assert cut(Content(text=" \n\t\n "), words) == []
    assert cut_whole(Content(text=" \n\t\n "), words) == []


def test_a_section_that_fits_is_one_chunk_with_its_heading(words):
    of = content("# Guide", "## Install", "Take pip.", "Or conda.", "## Use", "Call it.")
    cuts = cut(of, words)
    assert slices(of, cuts) == ["Guide\n\nInstall\n\nTake pip.\n\nOr conda.", "Use\n\nCall it."]
    assert [each.headings for each in cuts] == [("Guide", "Install"), ("Guide", "Use")]


def test_sections_are_never_merged_however_short(words):
    of = content("# One", "a.", "# Two", "b.", "# Three", "c.")
    assert slices(of, cut(of, words, minimum=100)) == ["One\n\na.", "Two\n\nb.", "Three\n\nc."]


def test_a_heading_at_the_end_is_a_chunk_of_its_own(words):
    of = content("# One", "a.", "# Two")
    assert slices(of, cut(of, words)) == ["One\n\na.", "Two"]


def test_text_before_the_first_heading_stands_under_none(words):
    of = content("preface.", "# One", "a.")
    assert [each.headings for each in cut(of, words)] == [(), ("One",)]


def test_paragraphs_are_packed_together_up_to_the_size(words):
    of = content(*["one two three four."] * 5)
    counts = [words.count(text) for text in slices(of, cut(of, words, size=12))]
    assert sorted(counts) == [5, 10, 10]


def test_plain_text_is_packed_by_blank_lines(words):
    of = Content(text="one two three four.\n\none two three four.\n \none two three four.")
    texts = slices(of, cut(of, words, size=12))
    assert sorted(words.count(text) for text in texts) == [5, 10]


def test_a_long_paragraph_is_cut_where_sentences_end(words):
    of = content("One two three four. Five six seven eight. Nine ten eleven twelve.")
    assert slices(of, cut(of, words, size=12)) == [
        "One two three four. Five six seven eight.",
        "Nine ten eleven twelve.",
    ]


def test_a_long_sentence_is_cut_between_words_and_a_long_word_between_tokens(minilm):
    of = Content(text="antidisestablishmentarianism " * 4)
    for text in slices(of, cut(of, minilm, size=14)):
        assert set(text.split()) == {"antidisestablishmentarianism"}
    of = Content(text="pneumonoultramicroscopicsilicovolcanoconiosis" * 2)
    assert len(cut(of, minilm, size=10)) > 2


def test_a_heading_stays_with_the_text_below_it_when_that_is_too_long(words):
    of = content("# The heading", "One two three four. Five six seven eight. Nine ten.")
    assert slices(of, cut(of, words, size=8)) == [
        "The heading\n\nOne two three four.",
        "Five six seven eight. Nine ten.",
    ]


def test_a_table_is_cut_where_lines_end(words):
    of = content("| a b. c d\ne f. g h\ni j. k l")
    assert slices(of, cut(of, words, size=12)) == ["a b. c d\ne f. g h", "i j. k l"]


def test_no_chunk_of_a_section_is_below_the_minimum(words):
    of = content("Two words.", "One two three four five six. " * 8, "Two more.")
    counts = [words.count(text) for text in slices(of, cut(of, words, size=20, minimum=8))]
    assert min(counts) >= 8
    assert sum(counts) == words.count(of.text)


def test_a_chunk_states_the_page_it_begins_on(words):
    text = "one two three four.\n\n" * 6
    half = len(text) // 2
    pages = (Page(number=1, start=0, end=half), Page(number=2, start=half, end=len(text)))
    of = Content(text=text, pages=pages)
    cuts = cut(of, words, size=8)
    assert [each.page for each in cuts] == [1, 1, 1, 2, 2, 2]
    assert [each.page for each in cuts] == [of.page_of(each.start) for each in cuts]


def test_the_size_is_by_default_what_the_model_reads(minilm):
    of = Content(text="word " * 600)
    assert [minilm.count(text) for text in slices(of, cut(of, minilm))] == [150] * 4
    exactly = Content(text="word " * 254)
    assert [minilm.count(text) for text in slices(exactly, cut(exactly, minilm))] == [254]
    (whole,) = cut_whole(of, minilm)
    assert whole == Cut(start=0, end=254 * 5 - 1, text=of.text[: 254 * 5 - 1], truncated=True)


def test_what_ends_a_chunk_is_counted_by_itself(cl100k):
    # A word after a blank is one token, the same word at the start of a slice may be two.
    of = Content(text="indivisible " * 50)
    for size in (8, 9, 10, 11):
        assert all(cl100k.count(text) <= size for text in slices(of, cut(of, cl100k, size=size)))


def test_what_ends_a_chunk_is_counted_without_the_white_space_after_it(cl100k):
    assert cl100k.count("}));\n\n") < cl100k.count("}));")
    of = Content(text="}));\n\n" * 50)
    for size in range(8, 24):
        assert all(cl100k.count(text) <= size for text in slices(of, cut(of, cl100k, size=size)))


def test_text_without_end_and_without_tokens_is_bounded(minilm):
    of = Content(text="x" * 200_000 + " end")
    cuts = cut(of, minilm, size=16)
    assert max(each.end - each.start for each in cuts) <= 64 * 16
    assert cuts[-1].end == len(of.text)


@pytest.mark.parametrize("size", [-1, 3, 255])
def test_a_size_the_model_does_not_allow_is_refused(minilm, size):
    with pytest.raises(ParameterError, match=str(size)) as raised:
        cut(Content(text="a"), minilm, size=size)
    assert raised.value.hint


def test_a_minimum_above_half_the_size_is_refused(words):
    with pytest.raises(ParameterError, match="minimum 9"):
        cut(Content(text="a"), words, size=16, minimum=9)


def test_an_llm_budget_needs_a_size(cl100k):
    with pytest.raises(ParameterError, match="size is needed"):
        cut(Content(text="a"), cl100k)


def test_one_line_is_cut_in_microseconds(words):
    of = Content(text="The quick brown fox 17 jumps over the lazy dog.")
    best = min(_timed(lambda: cut(of, words)) for _ in range(20))
    assert best < 60e-6


def test_a_long_text_takes_time_in_proportion(minilm):
    paragraph = "A sentence about things, of some length. " * 40 + "\n\n"
    short, long = Content(text=paragraph * 25), Content(text=paragraph * 100)
    cut(short, minilm)
    one = min(_timed(lambda: cut(short, minilm), 1) for _ in range(3))
    four = min(_timed(lambda: cut(long, minilm), 1) for _ in range(3))
    assert four < 8 * one


def _timed(act, times: int = 100) -> float:
    start = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - start) / times
