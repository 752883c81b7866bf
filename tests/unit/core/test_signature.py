"""What a function takes and gives is read off its annotations, once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Optional

import pytest

from ragflow import Chunk, Item, Part, Row, Vector
from ragflow.core.signature import read_signature
from ragflow.errors import PipelineError

if TYPE_CHECKING:
    from decimal import Decimal as Unimported


def one(document: str) -> Chunk: ...
def maybe(document: str) -> Chunk | None: ...
def optional(document: str) -> Optional[Chunk]: ...  # noqa: UP045
def many(document: str) -> list[Chunk]: ...
def many_or_none(document: str) -> list[Chunk] | None: ...
def sequence(document: str) -> Sequence[Chunk]: ...
def iterator(document: str) -> Iterator[Chunk]: ...
def generator(document: str) -> Generator[Chunk, None, None]: ...
def open_tuple(document: str) -> tuple[Chunk, ...]: ...
def fixed_tuple(document: str) -> tuple[int, str]: ...
def parts(document: str) -> list[Part[Chunk]]: ...
def one_part(document: str) -> Part[Chunk]: ...
def bare_parts(document: str) -> list[Part]: ...
def bare_list(document: str) -> list: ...
def mapping(document: str) -> dict[str, int]: ...
def nothing(document: str) -> None: ...


@pytest.mark.parametrize(
    ("function", "returns", "cuts", "with_envelope"),
    [
        (one, Chunk, False, False),
        (maybe, Chunk, False, False),
        (optional, Chunk, False, False),
        (many, Chunk, True, False),
        (many_or_none, Chunk, True, False),
        (sequence, Chunk, True, False),
        (iterator, Chunk, True, False),
        (generator, Chunk, True, False),
        (open_tuple, Chunk, True, False),
        (fixed_tuple, tuple[int, str], False, False),
        (parts, Chunk, True, True),
        (one_part, Chunk, False, True),
        (bare_parts, Any, True, True),
        (bare_list, Any, True, False),
        (mapping, dict[str, int], False, False),
        (nothing, type(None), False, False),
    ],
)
def test_what_comes_out_is_read_from_the_annotation(function, returns, cuts, with_envelope):
    found = read_signature(function)
    assert (found.returns, found.cuts, found.with_envelope) == (returns, cuts, with_envelope)


def batch_one(chunks: list[Chunk]) -> list[Vector]: ...
def batch_maybe(chunks: list[Chunk]) -> list[Vector | None]: ...
def batch_many(chunks: list[Chunk]) -> list[list[Part[Vector]]]: ...


@pytest.mark.parametrize(
    ("function", "cuts"), [(batch_one, False), (batch_maybe, False), (batch_many, True)]
)
def test_of_a_batch_the_outer_list_is_the_batch_itself(function, cuts):
    found = read_signature(function, batch=True)
    assert (found.returns, found.cuts) == (Vector, cuts)


def test_a_batch_must_return_a_list():
    def batch(chunks: list[Chunk]) -> Vector: ...

    with pytest.raises(PipelineError, match="'batch' must return a list, not Vector"):
        read_signature(batch, batch=True)


def test_a_step_returns_one_value_even_where_that_is_a_list():
    found = read_signature(many, whole=True)
    assert (found.returns, found.cuts) == (list[Chunk], False)


def test_positional_parameters_are_data_and_the_others_parameters():
    def embed(chunk: Item[Chunk], content: str, *, model: str = "m", size: int) -> Vector: ...

    found = read_signature(embed)
    assert found.data == ("chunk", "content")
    assert found.wants_item == (True, False)
    assert list(found.parameters.by_name) == ["model", "size"]


def test_a_batch_asks_for_items_in_its_list():
    def embed(chunks: list[Item[Chunk]], contents: list[str]) -> list[Vector]: ...

    assert read_signature(embed, batch=True).wants_item == (True, False)


def test_an_asynchronous_function_is_known_as_one():
    async def extract(document: str) -> str: ...

    assert read_signature(extract).is_async
    assert not read_signature(one).is_async


@pytest.mark.parametrize("stars", ["*rest", "**options"])
def test_each_parameter_needs_a_name(stars):
    space: dict[str, Any] = {}
    exec(f"def f(document: str, {stars}) -> str: ...", space)
    with pytest.raises(PipelineError, match=r"takes \*"):
        read_signature(space["f"])


def test_a_task_must_say_what_it_returns():
    def silent(document: str): ...

    with pytest.raises(PipelineError, match="does not say what it returns"):
        read_signature(silent)


def test_a_type_that_only_the_checker_imports_is_named():
    def typed(document: str) -> Unimported: ...

    with pytest.raises(PipelineError, match="'Unimported', which cannot be resolved"):
        read_signature(typed)


def test_what_could_not_be_read_back_is_refused():
    def either(document: str) -> Chunk | Vector: ...

    with pytest.raises(PipelineError, match="could not be read back"):
        read_signature(either)


def test_an_asynchronous_generator_is_refused():
    async def stream(document: str) -> AsyncIterator[Row]:
        yield Row(value=document)

    with pytest.raises(PipelineError, match="is an asynchronous generator") as raised:
        read_signature(stream)
    assert "list" in raised.value.hint
