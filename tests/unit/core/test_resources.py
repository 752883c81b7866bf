"""A resource is opened once, shared, closed, and told its secrets at the last moment."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ragflow import Secret, resource, secrets
from ragflow.core.resource_use import ResourceUse
from ragflow.errors import ParameterError, PipelineError, RunError, UsageError
from ragflow.incremental.canonical import canonical
from ragflow.scheduling.resources import OpenResources


class Client:
    def __init__(self, name: str, key: str) -> None:
        self.name, self.key, self.closed = name, key, False
        OPENED.append(self)

    def close(self) -> None:
        CLOSED.append(self.name)
        self.closed = True


OPENED: list[Client] = []
CLOSED: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_opened():
    OPENED.clear()
    CLOSED.clear()


@resource
def client(name: str = "a", key: str = "") -> Client:
    return Client(name, key)


@resource(identity=lambda name: {"name": name.lower()})
def named(name: str) -> Client:
    return Client(name, "")


def use(declared: Any = client, **given: Any) -> dict[str, ResourceUse]:
    return {"client": declared(**given)}


@pytest.fixture
def resources():
    opened = OpenResources(secrets.resolve)
    yield opened
    opened.close()


def test_a_resource_is_opened_on_first_use_and_shared_by_equal_parameters(resources):
    first = resources.get(use(), {})["client"]
    assert resources.get(use(name="a"), {})["client"] is first
    assert resources.get(use(), {"name": "a", "other": 1})["client"] is first
    assert resources.get(use(), {"name": "b"})["client"] is not first
    assert [each.name for each in OPENED] == ["a", "b"]


def test_resources_of_one_name_are_not_one_resource(resources):
    def make(prefix: str) -> Any:
        @resource
        def client(name: str = "a") -> Client:
            return Client(prefix + name, "")

        return client

    one, other = make("x"), make("y")
    assert resources.get(use(one), {})["client"].name == "xa"
    assert resources.get(use(other), {})["client"].name == "ya"


def test_threads_racing_for_a_resource_open_it_once(resources):
    barrier = threading.Barrier(8)

    def ask(_: int) -> Client:
        barrier.wait()
        return resources.get(use(), {})["client"]

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
    assert len(OPENED) == 1


def test_resources_are_closed_last_opened_first(resources):
    for name in ("a", "b", "c"):
        resources.get(use(name=name), {})
    resources.close()
    assert CLOSED == ["c", "b", "a"]
    resources.close()
    assert CLOSED == ["c", "b", "a"]


def test_a_context_manager_is_entered_and_left(resources):
    events = []

    @resource
    @contextmanager
    def session(name: str = "s"):
        events.append("enter")
        yield name
        events.append("leave")

    assert resources.get(use(session), {})["client"] == "s"
    assert events == ["enter"]
    resources.close()
    assert events == ["enter", "leave"]


def test_what_needs_no_closing_is_fine(resources):
    @resource
    def limit() -> int:
        return 3

    assert resources.get(use(limit), {})["client"] == 3


def test_a_resource_that_cannot_be_opened_ends_the_run_and_not_a_document(resources):
    @resource
    def broken():
        raise ConnectionError("no route")

    with pytest.raises(RunError, match="the resource 'broken' cannot be opened") as raised:
        resources.get(use(broken), {})
    assert "no route" in str(raised.value)


def test_a_secret_reaches_the_resource_and_nothing_else(resources, monkeypatch, tmp_path):
    monkeypatch.setenv("A_KEY", "hush")
    (tmp_path / "key").write_text("from a file\n")
    assert resources.get(use(key=Secret("env:A_KEY")), {})["client"].key == "hush"
    by_file = Secret(f"file:{tmp_path / 'key'}")
    assert resources.get(use(key=by_file), {})["client"].key == "from a file"
    bound = use(key=Secret("env:A_KEY"))["client"].bound({})
    identity = client.identity(bound)
    assert identity == ["client", {"name": "a", "key": Secret("env:A_KEY")}]
    spelled = canonical(identity)
    assert b"env:A_KEY" in spelled
    assert b"hush" not in spelled
    monkeypatch.setenv("A_KEY", "changed")
    assert canonical(client.identity(bound)) == spelled
    assert "hush" not in repr(bound)


def test_a_resource_may_name_secrets_by_its_other_parameters(resources, monkeypatch):
    @resource(
        identity=lambda name: name,
        secrets=lambda name: {"key": Secret(f"env:KEY_OF_{name.upper()}")} if name else {},
    )
    def keyed(name: str, key: str = "") -> Client:
        return Client(name, key)

    monkeypatch.setenv("KEY_OF_A", "hush")
    assert resources.get(use(keyed, name="a"), {})["client"].key == "hush"
    assert resources.get(use(keyed, name=""), {})["client"].key == ""
    bound = use(keyed, name="a")["client"].bound({})
    assert bound == {"name": "a", "key": Secret("env:KEY_OF_A")}
    assert keyed.identity(bound) == "a"


@pytest.mark.parametrize("reference", ["env:NOT_SET_ANYWHERE", "file:/nowhere"])
def test_a_secret_that_is_not_there_is_named_by_its_reference(resources, reference):
    with pytest.raises(RunError) as raised:
        resources.get(use(key=Secret(reference)), {})
    assert repr(reference) in str(raised.value)
    assert isinstance(raised.value.__cause__, UsageError)
    assert raised.value.hint


@pytest.mark.parametrize("given", ["hush", "env:", "file:", "", "other:thing"])
def test_what_may_be_the_secret_itself_is_refused_and_not_repeated(given):
    with pytest.raises(ParameterError) as raised:
        Secret(given)
    assert not given or given not in f"{raised.value} {raised.value.hint}".split()


def test_a_secret_file_that_is_no_text_is_refused(tmp_path: Path):
    (tmp_path / "key").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        secrets.resolve(Secret(f"file:{tmp_path / 'key'}"))


def test_a_declared_identity_is_all_that_counts():
    assert named.identity({"name": "A", "device": "cpu"}) == {"name": "a"}
    assert named(name="A").bound({}) == {"name": "A"}


def test_only_a_function_is_a_resource():
    with pytest.raises(PipelineError, match="@resource decorates a function"):
        resource(5)  # type: ignore[call-overload]
