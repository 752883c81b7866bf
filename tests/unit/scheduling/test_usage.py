"""What services say was used is paid for, whatever became of the calls that used it."""

from typing import Any

import pytest

from ragflow import pipeline, resource, task
from ragflow.tasks import read
from tests.unit.scheduling.desk import Desk, Shelf, changes, save


class Service:
    """Costs a token a letter, and refuses one letter after it was paid for."""

    def __init__(self) -> None:
        self.used = 0

    def ask(self, texts: list[str]) -> list[str]:
        self.used += sum(map(len, texts))
        if "z" in texts:
            raise ValueError("a later request was refused")
        return texts

    def take_usage(self) -> dict[str, float]:
        used, self.used = self.used, 0
        return {"tokens": used} if used else {}


@resource
def service() -> Service:
    return Service()


@task(per="batch", version="1", batch=8)
def asked_here(text: list[str], *, of: Service = service) -> list[str]:
    return of.ask(text)


@task(per="batch", version="1", batch=8, executor="processes")
def asked_elsewhere(text: list[str], *, of: Service = service) -> list[str]:
    return of.ask(text)


@task(version="1")
async def asked_in_a_loop(text: str, *, of: Service = service) -> str:
    return of.ask([text])[0]


@pytest.mark.parametrize("asked", [asked_here, asked_elsewhere, asked_in_a_loop])
def test_what_the_last_call_used_is_told_though_it_failed(desk: Desk, asked: Any):
    shelf = Shelf(z="z")

    @pipeline
    def asking():
        save(asked(read(shelf)))

    summary = desk.run(asking)
    assert changes(summary) == {"failed": 1}
    assert summary["used"] == {"tokens": 1}


def test_what_a_source_used_is_told(desk: Desk):
    @task(version="1", per="source")
    def letters(*, of: Service = service) -> list[tuple[str, str]]:
        return [(each, each) for each in of.ask(["a", "b"])]

    @pipeline
    def asking():
        save(letters())

    summary = desk.run(asking)
    assert changes(summary) == {"added": 2}
    assert summary["used"] == {"tokens": 2}
