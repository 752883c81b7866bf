"""A task is the function it decorates, until a pipeline is recorded."""

import asyncio
from contextlib import contextmanager
from typing import Any

import pytest

from ragflow import Content, Part, Row, Secret, resource, task
from ragflow.core.graph_builder import record
from ragflow.core.source_reference import SourceReference
from ragflow.errors import PipelineError
from ragflow.tasks import read

SOURCE = SourceReference("files", {})


@task
def shout(text: str, *, times: int = 1) -> str:
    """Say it louder."""
    return text.upper() * times


@task
def split(text: str) -> list[Part[str]]:
    return [Part(word, {"place": place}) for place, word in enumerate(text.split())]


def test_outside_of_a_pipeline_a_task_is_its_function():
    assert shout("a") == "A"
    assert shout("a", times=2) == "AA"
    assert split("a b") == [Part("a", {"place": 0}), Part("b", {"place": 1})]
    assert shout.__name__ == "shout"
    assert shout.__doc__ == "Say it louder."
    assert repr(shout) == "<task shout: item>"


def test_a_task_may_call_another_one():
    @task
    def twice(text: str) -> str:
        return shout(text) + shout(text)

    assert twice("a") == "AA"


def test_inside_a_pipeline_a_task_runs_nothing():
    @task(version="1")
    def explode(text: str) -> str:
        raise AssertionError

    with record("p") as builder:
        explode(read(SOURCE))
    assert list(builder.graph().nodes) == ["read", "explode"]


def test_a_task_is_recorded_again_once_its_pipeline_is_over():
    with record("p") as builder:
        shout(read(SOURCE))
    assert shout("a") == "A"
    assert list(builder.graph().nodes) == ["read", "shout"]


def test_options_say_how_and_never_what():
    quick = shout.options(executor="inline", name="loud", batch=3, memo=False, plan="count")
    assert quick("a", times=2) == "AA"
    assert quick.name == "loud"
    assert quick.settings.executor == "inline"
    assert shout.settings.executor == "threads"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"times": 2}, "has no option 'times'"),
        ({"executor": 5}, "was given an option it does not take"),
        ({"memo": "run"}, "was given an option it does not take"),
        ({"batch": 0}, "cannot be called with batch=0 parts"),
        ({"batch": "many"}, "was given an option it does not take"),
        ({"after": "read"}, "cannot wait with after='read'"),
    ],
)
def test_a_wrong_option_is_refused_where_it_is_written(options, said):
    with pytest.raises(PipelineError, match=said):
        shout.options(**options)
    with pytest.raises(PipelineError, match=said.replace("'shout'", "@task")):
        task(**options)(shout.function)


def test_an_unknown_shape_names_the_shapes_there_are():
    with pytest.raises(PipelineError, match="per='document' is no shape") as raised:
        task(per="document")
    assert "'item'" in raised.value.hint


def test_a_task_over_items_must_take_one():
    with pytest.raises(PipelineError, match="takes no positional parameter") as raised:

        @task
        def nothing(*, a: int) -> str: ...

    assert 'per="run"' in raised.value.hint


def test_a_target_says_where_it_writes_and_returns_rows():
    with pytest.raises(PipelineError, match="does not say where it writes"):

        @task(per="target")
        def somewhere(text: str, *, table: str) -> Row: ...

    with pytest.raises(PipelineError, match="does not say where it writes"):

        @task(per="target", target="collection", place="shelf")
        def misnamed(text: str, *, table: str) -> Row: ...

    with pytest.raises(PipelineError, match="must return Row"):

        @task(per="target", target="collection", place="table")
        def other(text: str, *, table: str) -> str: ...


def test_a_space_must_name_a_resource():
    with pytest.raises(PipelineError, match="has no resource 'embedder'"):

        @task(per="batch", space="embedder")
        def embed(texts: list[str]) -> list[str]: ...


OPENED: list[str] = []


@resource
@contextmanager
def client(name: str, key: str = ""):
    OPENED.append(f"open {name}")
    yield f"client {name}{key}"
    OPENED.append(f"close {name}")


@pytest.fixture(autouse=True)
def _nothing_opened():
    OPENED.clear()


def test_outside_of_a_pipeline_a_resource_is_opened_for_the_call_and_closed():
    @task(version="1")
    def ask(text: str, *, name: str = "x", client: Any = client) -> str:
        OPENED.append("ask")
        return f"{client}: {text}"

    assert ask("hello") == "client x: hello"
    assert ask("hello", name="y") == "client y: hello"
    assert OPENED == ["open x", "ask", "close x", "open y", "ask", "close y"]


def test_outside_of_a_pipeline_a_resource_may_be_given_in_three_ways():
    @task(version="1")
    def ask(text: str, *, client: Any) -> str:
        return f"{client}: {text}"

    assert ask("hello", client="a fake") == "a fake: hello"
    assert ask("hello", client=client(name="y")) == "client y: hello"
    assert OPENED == ["open y", "close y"]

    @task(version="1")
    def named(text: str, *, name: str, client: Any) -> str:
        return f"{client}: {text}"

    assert named("hello", name="z", client=client) == "client z: hello"


def test_outside_of_a_pipeline_an_asynchronous_task_keeps_its_resource_open():
    @task(version="1")
    async def ask(text: str, *, client: Any) -> str:
        OPENED.append("ask")
        await asyncio.sleep(0)
        return f"{client}: {text}"

    answer = ask("hello", client=client(name="x"))
    assert asyncio.run(answer) == "client x: hello"
    assert OPENED == ["open x", "ask", "close x"]


def test_outside_of_a_pipeline_no_secret_is_told():
    @task(version="1")
    def ask(text: str, *, key: Secret, client: Any = client) -> str: ...

    with pytest.raises(PipelineError, match=r"needs Secret\('env:KEY'\)") as raised:
        ask("hello", key=Secret("env:KEY"), client=client(name="x", key=Secret("env:KEY")))
    assert "open it yourself" in raised.value.hint


def test_a_generator_is_no_resource():
    @resource
    def plain():
        yield 1

    @task(version="1")
    def ask(text: str, *, plain: Any = plain) -> str: ...

    with pytest.raises(PipelineError, match="is a generator") as raised:
        ask("hello")
    assert "@contextmanager" in raised.value.hint


def test_the_example_of_the_design_reads_as_it_is_written():
    @task(version="1")
    async def situate(chunk: str, content: Content, *, client: Any, model: str) -> str: ...

    with record("p") as builder:
        documents = read(SOURCE)
        situate(documents, documents, client=client(name="x"), model="m")
    node = builder.graph().nodes["situate"]
    assert node.parameters == {"model": "m"}
    assert node.identities() == {"client": ["client", {"name": "x", "key": ""}]}
