"""Pipelines that do nothing, for what the scheduler itself costs."""

from collections.abc import Iterator

from ragflow import Item, RetryTask, pipeline, seconds, task


@task(version="1", per="source")
def numbers(*, count: int) -> Iterator[Item[int]]:
    for number in range(count):
        yield Item(f"{number:07d}", number)


@task(version="1")
def work(number: int) -> int:
    return number + 1


@task(version="1", per="run")
def begin() -> int:
    return 0


@task(version="1", per="run")
def step(number: int) -> int:
    return number + 1


#: Set once the task that waits has asked to be tried again.
ASKED: list[bool] = []


@task(version="1", per="run")
def wait(*, pause: int) -> int:
    if not ASKED:
        ASKED.append(True)
        raise RetryTask("not yet", after=seconds(pause))
    return pause


@pipeline
def idle(pause: int = 10) -> None:
    """Do nothing but wait for the instant of the next attempt."""
    wait(pause=pause)


@pipeline
def items(count: int = 10_000) -> None:
    """Call one task for every item."""
    work(numbers(count=count))


@pipeline
def chain(count: int = 200) -> None:
    """Call steps, each with what the one before returned."""
    number = begin()
    for _ in range(count - 1):
        number = step(number)
