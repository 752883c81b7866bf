"""Executors of others: what they say they can is believed, and what they cannot is refused."""

from concurrent.futures import Future
from typing import Any, ClassVar

import pytest

from ragflow import pipeline, task
from ragflow.core.durations import seconds
from ragflow.errors import PipelineError, PluginError
from ragflow.executors.threads import Threads
from ragflow.interfaces.execution import Limits, Work
from ragflow.runtime import workers
from ragflow.runtime.workers import TOGETHER, Workers
from ragflow.tasks import read
from tests.unit.scheduling.desk import Desk, Shelf, changes, save


class Mine:
    """An executor of another package, in this process."""

    keeps: ClassVar[frozenset[str]] = frozenset({"output"})
    elsewhere: ClassVar[bool] = False
    isolated: ClassVar[bool] = False
    made: ClassVar[list[Any]] = []

    def __init__(self, slots: int, *, bootstrap: str) -> None:
        del bootstrap
        self.slots = min(slots, 1)
        self.works: list[Work] = []
        self.made.append(self)
        self.threads = Threads(1)

    def submit(self, work: Work) -> Future[Any]:
        self.works.append(work)
        return self.threads.submit(work)

    def stop(self, number: int) -> bool:
        return self.threads.stop(number)

    def close(self) -> None:
        self.threads.close()

    def abandon(self) -> None:
        self.threads.abandon()


class Far(Mine):
    """One whose workers may die."""

    isolated: ClassVar[bool] = True


class Silent:
    """One that does not say what it can."""


@pytest.fixture(autouse=True)
def _found(monkeypatch: pytest.MonkeyPatch) -> None:
    Mine.made.clear()
    others = {"mine": Mine, "far": Far, "silent": Silent}
    find = workers.find
    monkeypatch.setattr(workers, "find", lambda kind, name: others.get(name) or find(kind, name))


@task(version="1", executor="mine")
def copy(text: str) -> str:
    return text


def copying(**options: Any) -> Any:
    @pipeline
    def copying() -> None:
        save(copy.options(**options)(read(Shelf(a="1", b="2"))))

    return copying


def test_a_task_runs_in_the_executor_of_another_package(desk: Desk) -> None:
    @task(version="1", executor="mine")
    def local(text: str) -> str:  # it could not travel, and need not
        return text

    @pipeline
    def simple() -> None:
        save(local(read(Shelf(a="1", b="2"))))

    assert changes(desk.run(simple)) == {"added": 2}
    [made] = Mine.made
    assert len(made.works) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"memory_limit": "1 GB"}, "memory_limit"),
        ({"network": False}, "network=False"),
        ({"executor": "far", "timeout": seconds(5)}, "timeout"),
    ],
)
def test_a_limit_that_its_executor_does_not_keep_is_refused_before_the_run(
    desk: Desk, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(PipelineError, match=f"'copy' has {said}, which the executor"):
        desk.run(copying(**options))
    assert Mine.made == []


def test_a_limit_that_is_not_kept_is_left_out_of_a_task_that_is_not_strict(desk: Desk) -> None:
    limits = {"memory_limit": "1 GB", "network": False, "output_limit": "1 GB"}
    assert changes(desk.run(copying(strict=False, **limits))) == {"added": 2}
    [made] = Mine.made
    assert {work.limits for work in made.works} == {Limits(output=10**9)}


@pytest.mark.parametrize("options", [{"output_limit": "1 GB"}, {"timeout": seconds(60)}])
def test_a_limit_that_is_kept_is_taken(desk: Desk, options: dict[str, Any]) -> None:
    assert changes(desk.run(copying(**options))) == {"added": 2}


def test_an_executor_that_is_not_installed_is_refused_before_the_run(desk: Desk) -> None:
    with pytest.raises(PluginError, match="no plugin of kind executors is called 'nowhere'"):
        desk.run(copying(executor="nowhere"))


def test_an_executor_that_does_not_say_what_it_can_is_refused(desk: Desk) -> None:
    with pytest.raises(PluginError, match="'silent' does not say 'elsewhere'"):
        desk.run(copying(executor="silent"))


def test_slots_and_isolation_are_what_executors_say(desk: Desk) -> None:
    with desk.home():
        request = copying(executor="far").request({}, project=desk.project)
    made = Workers(4, request.graph)
    assert made.slots()["far"] == 1
    assert made.isolated() == {"far"}
    made.close()
    assert Workers(4).slots() == {"inline": 1, "threads": 4, "loop": TOGETHER}
    assert Threads(1).together == TOGETHER
