"""What a call takes while it is open follows from its options and from where it runs."""

from typing import Any

import pytest

from ragflow import pipeline, task
from ragflow.scheduling.policies import ALL, LOOP, Room, policy_of
from ragflow.scheduling.transitions.policy import SLOTS
from ragflow.tasks import read
from tests.unit.scheduling.desk import Shelf, save

ROOM = Room(slots={"threads": 2, "processes": 2, LOOP: 64}, limits={"cpu": 2, "llm": 1})


@task(version="1")
def shout(text: str) -> str:
    return text.upper()


@task(version="1", pool="llm")
async def ask(text: str) -> str:
    return text


@task(version="1", per="run")
def tidy() -> None: ...


def needs(used: Any) -> dict[str, float]:
    @pipeline
    def p():
        if used.shape.value == "run":
            used()
        else:
            save(used(read(Shelf())))

    nodes = [node for node in p.graph().nodes.values() if node.name == used.name]
    [policy] = policy_of(nodes, ROOM, load=False).tasks
    return dict(policy.needs)


@pytest.mark.parametrize(
    ("used", "asked", "where"),
    [
        (shout, {"cpu": 1}, "threads"),
        (shout.options(executor="processes"), {"cpu": 1}, "processes"),
        (shout.options(executor="inline"), {}, "inline"),
        (shout.options(needs={"cpu": 0}, pool="llm"), {"cpu": 0, "llm": 1}, "threads"),
        (ask, {"llm": 1}, LOOP),
        (tidy, {"cpu": 1}, "threads"),
    ],
)
def test_a_call_takes_a_slot_and_a_core_unless_it_says_otherwise_or_only_waits(used, asked, where):
    assert needs(used) == {**asked, f"{SLOTS}{where}": 1, ALL: 1}


def test_there_is_as_much_of_an_executor_as_it_has_slots():
    limits = policy_of([], ROOM, load=True).limits
    assert limits == {
        "cpu": 2,
        "llm": 1,
        f"{SLOTS}threads": 2,
        f"{SLOTS}processes": 2,
        f"{SLOTS}{LOOP}": 64,
    }
