"""What an edit leaves as it was."""

import random
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragflow.chunking.boundaries import cut
from ragflow.documents import Content, Element
from tests.unit.chunking.written import ODDITIES, raw_texts

SIZE, MINIMUM = 32, 4
COMMON = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
#: Prose without blank lines, which mean something however a text is wrapped.
PROSE = st.lists(
    st.sampled_from([each for each in ODDITIES if "\n" not in each and "\f" not in each])
    | st.sampled_from(["word ", "longer words. ", "Is it? ", "one, two "]),
    min_size=20,
    max_size=200,
).map("".join)


def texts(text: str, tokenizer, *, kind: str = "paragraph", size: int = SIZE) -> list[str]:
    elements = (Element(kind=kind, start=0, end=len(text)),)
    cuts = cut(Content(text=text, elements=elements), tokenizer, size=size, minimum=MINIMUM)
    return [each.text for each in cuts]


def wrapped(text: str, chance: random.Random) -> str:
    gaps = [" ", " ", "\n", "\n   ", "  ", "\t", " \n"]
    return "".join(word + chance.choice(gaps) for word in text.split()).strip()


def prose(chance: random.Random, count: int, *, sentences: bool = True) -> list[str]:
    """Return words as they come in a text, the frequent ones often."""
    found = []
    for _ in range(count):
        word = f"w{int(chance.paretovariate(0.7)) % 5000}"
        stop = sentences and chance.random() < 0.08
        found.append(word + "." if stop else word)
    return [word.capitalize() if before.endswith(".") else word
            for before, word in pairwise(["", *found])]  # fmt: skip


def edited(words: list[str], chance: random.Random) -> list[str]:
    place, count = chance.randrange(len(words)), chance.randint(1, 6)
    new = prose(chance, chance.randint(1, 6))
    way = chance.choice(("insert", "delete", "replace"))
    after = place if way == "insert" else place + count
    return [*words[:place], *([] if way == "delete" else new), *words[after:]]


@COMMON
@given(text=PROSE, seed=st.integers(0, 1000))
def test_prose_that_is_wrapped_anew_is_cut_as_before(words, text, seed):
    assert texts(wrapped(text, random.Random(seed)), words) == texts(" ".join(text.split()), words)


@COMMON
@given(text=PROSE, seed=st.integers(0, 1000))
def test_prose_that_is_wrapped_anew_is_cut_as_before_in_tokens_of_an_llm(cl100k, text, seed):
    once, again = wrapped(text, random.Random(seed)), wrapped(text, random.Random(seed + 1))
    assert texts(once, cl100k) == texts(again, cl100k)


@COMMON
@given(first=raw_texts, second=raw_texts, gap=st.sampled_from(["\n\n", "\n \n", "\n\n\n\n  "]))
def test_how_far_paragraphs_are_apart_does_not_matter(words, first, second, gap):
    def made(between: str) -> list[str]:
        text = f"a {first}{between}b {second}"
        split = 2 + len(first) + len(between)
        elements = (
            Element(kind="paragraph", start=0, end=2 + len(first)),
            Element(kind="paragraph", start=split, end=len(text)),
        )
        return [each.text for each in cut(Content(text=text, elements=elements), words, size=8)]

    assert made(gap) == made("\n\n")


@pytest.mark.parametrize("sentences", [True, False])
def test_an_edit_changes_chunks_near_it_and_no_others(words, sentences):
    chance = random.Random(7)
    before = prose(chance, 4000, sentences=sentences)
    known = texts(" ".join(before), words)
    assert len(known) > 150
    changed = []
    for _ in range(150):
        after = texts(" ".join(edited(before, chance)), words)
        new = [place for place, text in enumerate(after) if text not in known]
        changed.append(len(new))
        assert not new or new[-1] - new[0] < 10
    changed.sort()
    assert changed[len(changed) // 2] <= 2
    assert changed[int(len(changed) * 0.95)] <= 4


def test_a_line_changed_in_code_changes_chunks_near_it(words):
    chance = random.Random(3)
    lines = [
        f"    value_{chance.randrange(500)} = call({chance.randrange(50)})" for _ in range(800)
    ]
    known = texts("\n".join(lines), words, kind="code")
    counts = []
    for _ in range(60):
        place = chance.randrange(len(lines))
        after = texts("\n".join([*lines[:place], "    pass", *lines[place:]]), words, kind="code")
        counts.append(len(set(after) - set(known)))
    counts.sort()
    assert counts[len(counts) // 2] <= 2
    assert counts[int(len(counts) * 0.95)] <= 4


@pytest.mark.parametrize("unit", ["Same words again. ", "same ", "a b c d e f g h i j k l m. "])
def test_text_that_repeats_itself_is_cut_evenly_and_an_edit_makes_few_new_chunks(words, unit):
    count = 6000 // words.count(unit)
    known = texts((unit * count).strip(), words)
    lengths = [words.count(text) for text in known]
    assert min(lengths) >= SIZE * 0.3
    assert sum(lengths) / len(lengths) >= SIZE / 2
    for more in (1, 2, 3, 50):
        assert len(set(texts((unit * (count + more)).strip(), words)) - set(known)) <= 3
    half = count // 2
    after = texts(unit * half + "other " + unit * half, words)
    assert len(set(after) - set(known)) <= 4


def test_no_blanks_are_needed_for_an_edit_to_stay_where_it_is(minilm):
    chance = random.Random(5)
    blob = "".join(
        chance.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef0123456789+/") for _ in range(60_000)
    )
    signs = "".join(chr(0x4E00 + chance.randrange(2000)) for _ in range(3000))
    for text in (blob, signs):
        known = texts(text, minilm)
        for _ in range(20):
            place = chance.randrange(len(text))
            after = texts(text[:place] + "xy" + text[place:], minilm)
            assert len(set(after) - set(known)) <= 5


def test_chunks_are_filled_between_the_minimum_and_the_size(words):
    found = texts(" ".join(prose(random.Random(1), 8000)), words)
    lengths = [words.count(text) for text in found]
    assert min(lengths) >= MINIMUM
    assert max(lengths) <= SIZE
    assert sum(lengths) / len(lengths) > 0.6 * SIZE


def test_a_paragraph_is_a_better_place_than_a_sentence_and_that_than_a_word(words):
    sentence = "One two three four five six. "
    text = "\n\n".join([sentence * 3] * 12)
    cuts = cut(Content(text=text), words, size=50)
    assert all(text[each.start - 2 : each.start] == "\n\n" for each in cuts[1:])
    assert all(each.text.endswith(".") for each in cut(Content(text=sentence * 40), words, size=32))
