import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow.errors import SkipDocument
from ragflow.parsing.decoding import cleaned
from tests.unit.parsing.samples import kinds, read, texts

SAMPLE = """\
# Title of *it*

First paragraph,
second line.

Setext
------

- one
  goes on

  more of one
  - below one
- two

1. first

> quoted
>
> again

| a | b |
|---|---|
| 1 | `x` |

```python
code = 1
```

    indented
"""


def test_the_text_is_the_source_and_blocks_are_elements():
    content = read(SAMPLE, "text/markdown")
    assert content.text == SAMPLE
    assert list(zip(kinds(content), texts(content), strict=True)) == [
        (("title", 1), "# Title of *it*"),
        (("paragraph", 0), "First paragraph,\nsecond line."),
        (("title", 2), "Setext\n------"),
        (("list_item", 1), "- one\n  goes on"),
        (("paragraph", 0), "more of one"),
        (("list_item", 2), "- below one"),
        (("list_item", 1), "- two"),
        (("list_item", 1), "1. first"),
        (("paragraph", 0), "> quoted"),
        (("header_footer", 0), ">"),
        (("paragraph", 0), "> again"),
        (("table", 0), "| a | b |\n|---|---|\n| 1 | `x` |"),
        (("code", 0), "```python\ncode = 1\n```"),
        (("code", 0), "    indented"),
    ]


def test_a_table_has_its_cells():
    (table,) = read("| a | b |\n|---|---|\n| 1 |\n| 2 | x \\| y |\n", "text/markdown").elements
    assert table.cells == (("a", "b"), ("1", ""), ("2", "x | y"))


def test_the_first_heading_is_the_title():
    assert read("intro\n\n# A *b* `c`\n\n# D\n", "text/markdown").title == "A b c"
    assert read("## Only a section\n", "text/markdown").title is None


def test_front_matter_gives_title_and_language_and_is_no_prose():
    content = read('---\ntitle: "On: y"\nlang: de_AT\ntags: [a]\n---\n\n# Other\n', "text/markdown")
    assert (content.title, content.language) == ("On: y", "de-AT")
    assert kinds(content) == [("header_footer", 0), ("title", 1)]
    assert read("+++\ntitle = 'T'\n+++\ntext", "text/markdown").title == "T"


def test_text_between_two_rules_is_no_front_matter():
    content = read("---\nThis is prose.\n---\n", "text/markdown")
    assert ("title", 2) in kinds(content)
    assert content.title is None


def test_rules_comments_and_link_definitions_are_no_prose():
    content = read("a\n\n***\n\n<!-- note -->\n\n[x]: http://y\n\n<p>shown</p>\n", "text/markdown")
    assert [kind for kind, _ in kinds(content)] == [
        *("paragraph", "header_footer", "header_footer", "header_footer", "paragraph")
    ]


def test_white_space_alone_is_empty():
    with pytest.raises(SkipDocument) as skipped:
        read(" \n", "text/markdown")
    assert skipped.value.code == "empty"


def test_line_ends_of_every_kind_give_the_same_elements():
    assert read(SAMPLE.replace("\n", "\r\n"), "text/markdown") == read(SAMPLE, "text/markdown")


def test_deep_nesting_and_long_runs_are_read_whole():
    for text in ("> " * 3000 + "deep", "- " * 3000 + "deep", "[" * 20000, "*a _b " * 5000):
        assert read(text, "text/markdown").text == text


MARKS = ["#", "-", "*", ">", "|", "`", "```", "1.", "---", "<!--", "-->", "<div>", "[a]:", "[", "]"]
PIECES = st.sampled_from(
    [*MARKS, " ", "  ", "    ", "\n", "\n\n", "\t", "\r\n", "word", "é", "\u2003", "\\"]
)


@given(st.lists(PIECES, max_size=60).map("".join))
def test_any_markdown_is_kept_and_covered(text):
    if cleaned(text).strip():
        assert read(text, "text/markdown").text == cleaned(text)


@given(st.text(max_size=200))
def test_any_text_is_markdown(text):
    data = text.encode("utf-8", "ignore")
    if cleaned(data.decode("utf-8-sig")).strip():
        read(data, "text/markdown")


def test_the_examples_of_the_specification_are_covered(shared):
    examples = json.loads((shared / "corpora/adversarial/commonmark/commonmark.json").read_text())
    for example in examples:
        if example["markdown"].strip():
            read(example["markdown"], "text/markdown")
