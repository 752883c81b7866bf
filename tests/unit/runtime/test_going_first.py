"""Who asks for a document while a run of everything goes on is served before all others."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ragflow import pipeline, task
from ragflow.core.states import RunState
from ragflow.errors import UsageError
from ragflow.runtime.handing_on import HandedOn, hand_on
from ragflow.tasks import read
from tests.unit.runtime.test_redoing import shelf_of
from tests.unit.scheduling.desk import Desk, Shelf, changes, save

#: Texts in the order in which they were made something of.
MADE: list[str] = []
#: What the first call waits for, and says that it does.
REACHED, GATE = threading.Event(), threading.Event()


@pytest.fixture(autouse=True)
def _closed():
    MADE.clear()
    REACHED.clear()
    GATE.clear()
    yield
    GATE.set()


@task(version="1", memo=False)
def tell(text: str) -> str:
    MADE.append(text)
    REACHED.set()
    assert GATE.wait(60)
    if text == "bad":
        raise ValueError("bad")
    return text


def telling(shelf: Shelf) -> Any:
    @pipeline
    def p(mark: str = ""):
        save(tell(read(shelf)))

    return p


@contextmanager
def at_work(desk: Desk, p: Any) -> Iterator[Callable[[], dict[str, Any]]]:
    """Begin a run of everything, which waits in its first call; yield what lets it end."""
    came: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: came.append(desk.run(p)), daemon=True)
    thread.start()
    assert REACHED.wait(60)

    def end() -> dict[str, Any]:
        GATE.set()
        thread.join(60)
        return came[0]

    try:
        yield end
    finally:
        GATE.set()
        thread.join(60)


def asking(desk: Desk, p: Any, *keys: str, **parameters: Any) -> HandedOn | None:
    """Hand keys to the run at work, which may go on as soon as it was asked."""
    # By then the run, which looks four times a second, has heard of it.
    heard = threading.Timer(1.5, GATE.set)
    with desk.home() as home:
        request = p.request(parameters, project=desk.project, only=keys)
        return hand_on(home, request, asked=lambda _: heard.start())


def alone(tmp_path: Any) -> Desk:
    return Desk(tmp_path / "project", workers=1)


def test_what_is_asked_for_goes_before_all_that_has_not_begun(tmp_path):
    desk, shelf = alone(tmp_path), shelf_of(60)
    p = telling(shelf)
    with at_work(desk, p) as end:
        assert asking(desk, p, "k50", "k40") == HandedOn(1, {"k50": "served", "k40": "served"})
        end()
    # What was in a worker's hands, or about to be, went before.
    places = [MADE.index("text 40"), MADE.index("text 50")]
    assert max(places) < 20
    assert len(MADE) == 60
    assert len(desk.values()) == 60


def test_owners_that_have_not_entered_go_first_too(tmp_path, monkeypatch):
    monkeypatch.setattr("ragflow.scheduling.policies.WINDOW_OWNERS", 4)
    desk, shelf = alone(tmp_path), shelf_of(60)
    p = telling(shelf)
    with at_work(desk, p) as end:
        assert asking(desk, p, "k50") == HandedOn(1, {"k50": "served"})
        summary = end()
    assert MADE.index("text 50") < 15
    assert sorted(MADE) == sorted(f"text {each:02}" for each in range(60))
    assert changes(summary) == {"added": 60}


def test_what_became_of_each_is_told(tmp_path):
    desk, shelf = alone(tmp_path), Shelf(same="same")
    p = telling(shelf)
    GATE.set()
    desk.run(p)
    MADE.clear()
    REACHED.clear()
    GATE.clear()
    shelf.put("a", "first")
    shelf.put("b", "bad")
    shelf.put("c", "good")
    with at_work(desk, p) as end:
        handed = asking(desk, p, "b", "c", "same", "nowhere")
        end()
    assert handed == HandedOn(
        2, {"b": "failed", "c": "served", "same": "unchanged", "nowhere": "missing"}
    )


def test_what_is_asked_for_once_it_is_served_is_answered(tmp_path, monkeypatch):
    monkeypatch.setattr("ragflow.scheduling.policies.PORTION", 1)
    monkeypatch.setattr("ragflow.scheduling.policies.WINDOW_OWNERS", 2)
    desk, shelf = alone(tmp_path), shelf_of(8)
    p = telling(shelf)
    asked: list[Any] = []
    taken = desk.tables.apply

    def apply(generation: Any, upserts: Any, deletes: Any) -> None:
        taken(generation, upserts, deletes)
        if len(desk.tables.applied) == 4:  # the first was committed long ago
            with desk.home() as home:
                asked.append(home.metadata.wanted.ask(1, ["k00"], actor="a test"))

    desk.tables.apply = apply  # type: ignore[method-assign]
    GATE.set()
    desk.run(p)
    with desk.home() as home:
        assert list(home.metadata.wanted.answers(asked[0]).values()) == ["served"]
        [event] = home.metadata.audit.list(action="control.serve")
        assert (event.actor, event.run) == ("a test", 1)
        with pytest.raises(UsageError, match="run 1 is over"):
            home.metadata.wanted.ask(1, ["k00"], actor="a test")


def test_without_a_run_or_with_other_parameters_nothing_is_handed_on(tmp_path):
    desk, shelf = alone(tmp_path), shelf_of(3)
    p = telling(shelf)
    assert asking(desk, p, "k01") is None
    GATE.clear()
    with at_work(desk, p):
        assert asking(desk, p, "k01", mark="other") is None
        with desk.home() as home:
            again = p.request({}, project=desk.project, only=("k01",), force=True)
            assert hand_on(home, again, asked=lambda _: None) is None


def test_a_run_that_ends_before_it_heard_leaves_the_keys_to_who_asked(tmp_path):
    desk, shelf = alone(tmp_path), shelf_of(3)
    p = telling(shelf)
    with desk.home() as home:
        instance = home.metadata.instance("p", "p", p.request({}, project=desk.project).scope)
        with home.metadata.hold(instance, owner="a test", wait=False):
            run = home.metadata.runs.begin(instance, {"mark": ""}, trigger="a test")
            request = p.request({}, project=desk.project, only=("k01",))

            def ended(_: Any) -> None:
                home.metadata.runs.end(run, RunState.FAILED, summary=None, totals={})

            handed = hand_on(home, request, asked=ended)
    assert handed == HandedOn(run, {})
