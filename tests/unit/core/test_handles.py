"""A handle stands for what is not there yet, and every misuse says what to write instead."""

import pytest

from ragflow import Chunk, Content, task
from ragflow.core.graph_builder import record
from ragflow.core.handles import Items
from ragflow.core.source_reference import SourceReference
from ragflow.errors import HandleError
from ragflow.tasks import read

SOURCE = SourceReference("files", {})


@task(version="1")
def cut(content: Content) -> list[Chunk]:
    return [Chunk(content.text)]


def condition(handle):
    if handle:
        pass


def loop(handle):
    for _ in handle:
        pass


def comprehension(handle):
    return [each for each in handle]  # noqa: C416 - it is the misuse


def choice(handle):
    return handle or "nothing"


MISUSES = {
    "as a condition": [condition, choice, lambda handle: not handle],
    "in a loop": [loop, comprehension, list, lambda handle: [*handle]],
    "in an f-string": [lambda handle: f"{handle}", lambda handle: f"{handle:>10}", "{}".format],
    "as a text": [str, print, lambda handle: "%s" % handle],  # noqa: UP031 - it is the misuse
    "with len()": [len],
    "with [...]": [lambda handle: handle[0], lambda handle: handle["a":"b"]],
    "with .text": [lambda handle: handle.text],
    "with `in`": [lambda handle: "a" in handle],
    "with ==": [lambda handle: handle == "a", lambda handle: handle != "a"],
    "as a function": [lambda handle: handle("a")],
}
CASES = [(use, misuse) for use, misuses in MISUSES.items() for misuse in misuses]


@pytest.mark.parametrize(("use", "misuse"), CASES)
def test_a_handle_used_as_a_value_names_its_task_and_says_what_to_write(use, misuse):
    handle = Items("extract")
    with pytest.raises(HandleError) as raised:
        misuse(handle)
    assert f"the outcome of 'extract' was used {use}" in str(raised.value)
    assert "task" in raised.value.hint


def test_a_handle_shows_itself_and_may_be_kept_in_sets_and_found_in_lists():
    first, second = Items("extract"), Items("extract")
    assert repr(first) == "<Items of 'extract'>"
    assert first == first
    assert first != second
    assert {first, first, second} == {first, second}
    assert first in [second, first]


def test_what_jupyter_looks_for_is_simply_not_there():
    assert not hasattr(Items("extract"), "_repr_html_")
    assert not hasattr(Items("extract"), "__array__")


def test_a_handle_outlives_its_pipeline_in_vain():
    with record("first"):
        kept = read(SOURCE)
    with record("second"), pytest.raises(HandleError, match="belongs to another pipeline"):
        cut(kept)
    with pytest.raises(HandleError, match="outside of its pipeline"):
        cut(kept)
    with pytest.raises(HandleError, match="outside of its pipeline"):
        cut(content=kept)
