import re

from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.opening import open_tokenizer
from tests.benchmarks.edit_stability import EDITS, Result, Trial, ours
from tests.benchmarks.edits import Source, edits
from tests.benchmarks.scifact_long import by_count, equal_size, joined

WRAPPED = "\n".join(["A line of words that is wrapped somewhere near here."] * 6)


def test_an_edit_is_the_same_each_time_and_changes_one_paragraph():
    source = Source("a.txt", "text/plain", "\n\n".join([WRAPPED] * 5))
    made = list(edits([source], EDITS, seed=3))
    assert made == list(edits([source], EDITS, seed=3))
    for _, text in made:
        assert text.count(WRAPPED) >= 3
        assert max(map(len, text.split("\n"))) <= 53


def test_prose_is_wrapped_from_the_edit_on_and_code_is_not():
    source = Source("a.txt", "text/plain", WRAPPED)
    for _, text in edits([source], 50, seed=1):
        lines = text.split("\n")
        assert all(len(line) > 30 for line in lines[:-1])
    code = Source("a.py", "text/x-python", "import one\nimport two\n\n\n" * 30)
    for _, text in edits([code], 50, seed=1):
        assert text.count("import one\nimport two\n\n\n") >= 20


def test_an_edit_of_a_page_leaves_its_tags_alone():
    page = Source("a.html", "text/html", "<p class='a'>One <b>two</b> three.</p><!-- no -->" * 40)
    tags = re.findall(r"<[^>]*>", page.text)
    for _, text in edits([page], 50, seed=1):
        assert re.findall(r"<[^>]*>", text) == tags
        assert text != page.text


def test_what_is_embedded_again_is_what_no_chunk_was_before():
    contents = [Source("a.txt", "text/plain", f"Number {n}.").content() for n in range(3)]
    trial = Trial("prose", contents[:2], [(0, contents[0]), (1, contents[1]), (1, contents[2])])
    found = ours(trial, open_tokenizer(load_spec("hashing")))
    assert (found.chunks, found.again) == (2, [0, 0, 1])


def test_the_95th_percentile_is_one_of_the_counts():
    assert Result("x", 1, 1.0, [*[0] * 95, *[9] * 5]).nearly_all == 0
    assert Result("x", 1, 1.0, [*[0] * 94, *[9] * 6]).nearly_all == 9


def test_a_chunk_of_a_joined_document_is_of_the_abstract_it_has_most_of():
    (long,) = joined({"1": "a" * 10, "2": "b" * 30}, 2)
    for name, letter in (("1", "a"), ("2", "b")):
        first, last = long.text.index(letter), long.text.rindex(letter) + 1
        assert long.abstract(first, last) == name
        assert long.abstract(first, min(last + 3, len(long.text))) == name


def test_a_fixed_size_counts_from_the_top_and_divides_no_word():
    words = open_tokenizer(load_spec("hashing"))
    text = "one two three four five six seven"
    assert [text[a:b].split() for a, b in by_count(text, words, 3)] == [
        ["one", "two", "three"], ["four", "five", "six"], ["seven"],
    ]  # fmt: skip
    (long,) = joined({"1": "word " * 100}, 1)
    assert equal_size([long], words, 20.0) == 20
