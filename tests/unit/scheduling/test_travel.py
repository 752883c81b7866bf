"""What travels to another process arrives there as it was, and what cannot says why."""

import enum
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ragflow import Secret, pipeline, resource, task
from ragflow.core.members import Members
from ragflow.core.node import Node
from ragflow.errors import FingerprintError, PipelineError
from ragflow.incremental.canonical import canonical
from ragflow.scheduling.travel import (
    Place,
    find_code,
    pack_parameters,
    place_of,
    receive_value,
    send_value,
    stays_because,
    unpack_parameters,
)
from ragflow.tasks import read
from ragflow.tasks.extract import extract
from tests.unit.scheduling.desk import Shelf, save

NAME = b"n" * 20


class Colour(enum.Enum):
    """An enum."""

    RED = "red"


class Model(msgspec.Struct, frozen=True):
    """A struct."""

    name: str
    size: int = 1


@dataclass(frozen=True)
class Page:
    """A dataclass."""

    number: int
    text: str


class Away:
    """Something that says itself how it travels."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __plain__(self) -> Any:
        return [self.path]

    @classmethod
    def __of_plain__(cls, plain: Any) -> "Away":
        return cls(*plain)


@resource
def client(url: str, key: str) -> str:
    return f"{url} {key}"


@task(executor="processes")
def every_kind(
    text: str,
    *,
    where: Path = Path("a/b"),
    day: date = date(2026, 1, 2),
    wait: timedelta = timedelta(seconds=1.5),
    colour: Colour = Colour.RED,
    model: Model = Model("m"),  # noqa: B008 - it is frozen
    names: tuple[str, ...] = ("a", "b"),
    chosen: frozenset[int] = frozenset({1, 2}),
    by_number: dict[int, str] = {1: "one"},  # noqa: B006 - it is a parameter
    key: Secret = Secret("env:KEY"),  # noqa: B008 - a reference, and frozen
    llm: str = client,  # type: ignore[assignment]
) -> list[Page]:
    return [Page(1, text)]


@task(executor="processes")
def untyped(text: str, *, anything: Any = None) -> str:
    return text


def node_of(used: Any, **parameters: Any) -> Node:
    def one() -> None:
        used(read(Shelf()), **parameters)

    graph = pipeline(one).graph()
    return next(node for node in graph.nodes.values() if node.task is not None)


# --- Code ---------------------------------------------------------------------------------------


def test_code_is_named_by_its_import_path_and_its_own_file():
    place = place_of(every_kind.function)
    assert place == Place(__name__, "every_kind", __file__)
    assert find_code(place) is every_kind
    assert place_of(extract.function) == Place("ragflow.tasks.extract", "extract", None)


def test_a_file_that_no_import_finds_is_loaded_under_the_same_name(tmp_path, monkeypatch):
    file = tmp_path / "own.py"
    file.write_text("class Thing:\n    pass\n")
    found = find_code(Place("nowhere.own@2", "Thing", str(file)))
    monkeypatch.delitem(sys.modules, "nowhere.own@2")
    assert (found.__module__, found.__name__) == ("nowhere.own@2", "Thing")


def test_a_file_that_fails_leaves_no_module_behind(tmp_path):
    file = tmp_path / "own.py"
    file.write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        find_code(Place("nowhere.own", "Thing", str(file)))
    assert "nowhere.own" not in sys.modules
    with pytest.raises(AttributeError, match="has no 'missing'"):
        find_code(Place(__name__, "missing", __file__))


def test_what_cannot_be_imported_says_why(monkeypatch):
    @task
    def inner(text: str) -> str:
        return text

    assert "is defined inside a function" in (stays_because(node_of(inner)) or "")

    monkeypatch.setattr(every_kind.function, "__module__", "__main__")
    with pytest.raises(PipelineError, match="is defined in a notebook"):
        place_of(every_kind.function)
    monkeypatch.undo()

    function = every_kind.function
    monkeypatch.setattr(sys.modules[__name__], "every_kind", None)
    with pytest.raises(PipelineError, match="is not to be had as"):
        place_of(function)


# --- Parameters ---------------------------------------------------------------------------------


def test_parameters_of_every_kind_arrive_as_they_were_and_secrets_by_reference():
    node = node_of(every_kind, llm=client(url="u", key=Secret("env:OTHER")))
    assert stays_because(node) is None
    sent = pack_parameters(node.parameters)
    arrived = every_kind.signature.parameters.convert(unpack_parameters(sent))
    assert arrived == node.parameters
    assert canonical(arrived) == canonical(dict(node.parameters))


@pytest.mark.parametrize("value", [Path("a"), ("a",), {1, 2}, Model("m"), 1 << 70, object])
def test_a_parameter_that_would_arrive_as_another_keeps_its_task_here(value):
    node = Node(name="u", shape=untyped.shape, task=untyped, parameters={"anything": value})
    assert stays_because(node) is not None


# --- Values -------------------------------------------------------------------------------------


@task
def pages(text: str) -> list[Page]:
    return []


@pytest.mark.parametrize(
    "value",
    ["text", b"bytes", 1, 1.5, None, True, [1, ["a", {"b": None}]], {"a": [1]}, Model("m"),
     Page(1, "a"), date(2026, 1, 2)],
)  # fmt: skip
def test_a_value_arrives_as_it_was_where_no_task_says_its_type(value):
    sent = msgspec.msgpack.decode(
        msgspec.msgpack.encode(send_value(value, None, fingerprint=NAME)),
        type=type(send_value(value, None, fingerprint=NAME)),
    )
    arrived = receive_value(sent)
    assert arrived == value
    assert type(arrived) is type(value)


def test_a_value_is_of_the_type_that_its_task_says_it_returns():
    sent = send_value(Page(1, "a"), place_of(pages.function), fingerprint=NAME)
    assert receive_value(sent) == Page(1, "a")
    # What is not there is given as None, whatever its type would be.
    nothing = send_value(None, place_of(pages.function), fingerprint=NAME)
    assert receive_value(nothing) is None


def test_a_value_may_say_itself_how_it_travels():
    sent = send_value(Away("a"), None, fingerprint=NAME)
    arrived = receive_value(sent)
    assert (type(arrived), arrived.path) == (Away, "a")


@pytest.mark.parametrize("value", [[Model("m")], {"a": (1,)}, (1, 2), {1}, {1: 2}, object()])
def test_a_value_that_would_arrive_as_another_is_refused(value):
    with pytest.raises(FingerprintError, match=r"cannot travel|cannot be encoded"):
        send_value(value, None, fingerprint=NAME)


@pytest.mark.parametrize("kind", [None, place_of(pages.function)])
def test_members_arrive_with_their_keys_and_those_that_are_missing(kind):
    values: Sequence[Page] = [Page(1, "a"), Page(2, "b")]
    fetch = [lambda value=value: value for value in values]
    members = Members("k", ["x", "y"], fetch, b"identity", ["z"])
    arrived = receive_value(send_value(members, kind, fingerprint=NAME))
    assert dict(arrived.items()) == {"x": Page(1, "a"), "y": Page(2, "b")}
    assert (arrived.key, arrived.missing) == ("k", ("z",))
    assert arrived.__fingerprint__() == b"identity"


# --- What cannot travel -------------------------------------------------------------------------


class Notes:
    """Remembers what a run says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *given: self.said.append(given[0]) if name == "noted" else None


def calling(shelf: Shelf, inner: Any) -> Any:
    def simple() -> None:
        save(inner(read(shelf)))

    return pipeline(simple)


def test_a_task_defined_inside_a_function_is_called_in_threads_and_the_run_says_so_once(desk):
    @task(executor="processes", version="1")
    def inner(text: str) -> str:
        return f"in {os.getpid()}"

    notes = Notes()
    desk.run(calling(Shelf(a="1", b="2"), inner), observer=notes)
    assert desk.values() == {"a": [f"in {os.getpid()}"], "b": [f"in {os.getpid()}"]}
    said = [each for each in notes.said if "cannot travel" in each]
    assert len(said) == 1
    assert said[0].startswith("inner is called in threads, for it cannot travel: ")
    assert "is defined inside a function" in said[0]


def test_a_task_with_limits_that_cannot_travel_is_refused_before_anything_runs(desk):
    @task(executor="processes", version="1", memory_limit="1 GB")
    def inner(text: str) -> str:
        return text

    shelf = Shelf(a="1")
    with pytest.raises(PipelineError, match="'inner' has memory_limit, which is kept in another"):
        desk.run(calling(shelf, inner))
    assert shelf.loads == []
