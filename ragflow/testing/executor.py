"""What must every executor do?

Subclass `ExecutorSuite`, say how one is made and what it can, and run pytest; for one whose
workers are processes of this machine there is more in `ragflow.testing.executor_processes`.
Nothing is measured: calls wait for each other through files, and a test fails when one has
waited for minutes.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ragflow.errors import RetryTask, TimedOutError, UsageError
from ragflow.interfaces.execution import CarriedError, Executor, Limits
from ragflow.testing.executor_calls import PATIENCE, Call, OddError, wait_for, write

#: The import path of what workers call once, for an executor that carries work elsewhere.
BOOTSTRAP = "ragflow.testing.executor_calls:bootstrap"


class _Fixtures:
    #: Whether `submit` returns before the work is done.
    is_concurrent: ClassVar[bool] = True
    #: Whether a call that has begun, and is not async, can be ended.
    can_kill: ClassVar[bool] = False
    #: Whether `async def` tasks run in one loop.
    shares_loop: ClassVar[bool] = True

    def make(self, slots: int) -> Executor:
        """Make an executor; a suite for one overrides it."""
        raise NotImplementedError

    @pytest.fixture
    def opened(self) -> Iterator[Callable[[int], Executor]]:
        """Give a function that makes an executor which is ended after the test."""
        made: list[Executor] = []

        def open_one(slots: int) -> Executor:
            made.append(self.make(slots))
            return made[-1]

        yield open_one
        for executor in made:
            executor.abandon()

    @pytest.fixture
    def executor(self, opened: Callable[[int], Executor]) -> Executor:
        """Give an executor of two slots, or of one where it has no more."""
        return opened(2)

    @pytest.fixture
    def begin(self, executor: Executor) -> Callable[..., Future[Any]]:
        """Give a function that submits a call, numbered from 1 on."""
        numbers = count(1)

        def submit(name: str, *arguments: Any, **options: Any) -> Future[Any]:
            return executor.submit(Call(next(numbers), name, *arguments, **options))

        return submit

    @pytest.fixture
    def folder(self, tmp_path: Path) -> str:
        """Give the folder that calls and test speak through."""
        return str(tmp_path)

    def need_concurrency(self) -> None:
        """Skip the test where nothing is ever under way."""
        if not self.is_concurrent:
            pytest.skip("nothing is ever under way")

    def need_limit(self, executor: Executor, limit: str) -> None:
        """Skip the test where the executor does not keep the limit."""
        if limit not in executor.keeps:
            pytest.skip(f"it does not keep the limit {limit}")


class _Outcomes(_Fixtures):
    @pytest.mark.parametrize("value", [None, 5, "é", b"\x00", [1, [2]], {"a": {"b": 1.5}}])
    def test_a_work_gives_what_it_returns(self, begin: Any, value: Any) -> None:
        assert begin("echo", value).result(PATIENCE) == value

    def test_a_large_result_comes_back_whole(self, begin: Any) -> None:
        assert begin("reply", 20_000_000).result(PATIENCE) == bytes(20_000_000)
        assert len(begin("echo", bytes(20_000_000)).result(PATIENCE)) == 20_000_000

    def test_a_work_that_raises_gives_the_error_it_raised(self, begin: Any) -> None:
        raised = begin("fail", "value").exception(PATIENCE)
        assert type(raised) is ValueError
        assert raised.args == ("no", 3)
        assert type(begin("fail", "path").exception(PATIENCE)) is ValueError

    def test_an_error_keeps_what_a_retry_looks_at(self, begin: Any) -> None:
        file = begin("fail", "file").exception(PATIENCE)
        assert (type(file), file.errno, file.filename) == (FileNotFoundError, 2, "a.txt")
        retry = begin("fail", "retry").exception(PATIENCE)
        assert isinstance(retry, RetryTask)
        assert retry.after is not None
        assert retry.after.total_seconds() == 90
        odd = begin("fail", "odd").exception(PATIENCE)
        assert isinstance(odd, OddError)
        assert (str(odd), odd.after.days, odd.place) == ("odd", 1, (1, "a"))

    @pytest.mark.parametrize("kind", ["exit", "unnamed", "cancelled"])
    def test_what_is_no_exception_does_not_end_who_waits_for_it(
        self, begin: Any, kind: str
    ) -> None:
        raised = begin("fail", kind).exception(PATIENCE)
        assert isinstance(raised, CarriedError)
        assert raised.kinds[-1] == "builtins:BaseException"
        assert begin("echo", 1).result(PATIENCE) == 1

    def test_async_works_are_awaited(self, begin: Any, folder: str) -> None:
        assert isinstance(begin("loop of", folder, 1).result(PATIENCE), int)
        assert type(begin("fail later").exception(PATIENCE)) is ValueError

    def test_async_works_share_one_loop(self, executor: Executor, folder: str) -> None:
        if not self.shares_loop:
            pytest.skip("each of its workers has its own loop")
        together = 20 if self.is_concurrent else 1
        loops = [executor.submit(Call(n, "loop of", folder, together)) for n in range(20)]
        assert len({loop.result(PATIENCE) for loop in loops}) == 1

    def test_an_executor_is_used_within_a_running_loop(self, begin: Any, folder: str) -> None:
        async def notebook() -> list[Any]:
            futures = [begin("echo", 1), begin("loop of", folder, 1)]
            return [future.result(PATIENCE) for future in futures]

        assert asyncio.run(notebook())[0] == 1


class _Slots(_Fixtures):
    def test_as_many_works_as_there_are_slots_run_together(self, opened: Any, folder: str) -> None:
        self.need_concurrency()
        executor = opened(3)
        assert executor.slots == 3
        futures = [executor.submit(Call(n, "meet", folder, 3)) for n in range(3)]
        assert not wait(futures, timeout=PATIENCE).not_done
        assert all(future.exception() is None for future in futures)

    def test_two_hundred_works_over_two_slots_all_end_and_never_three_at_once(
        self, executor: Executor, folder: str
    ) -> None:
        futures = [executor.submit(Call(n, "log", folder, n)) for n in range(200)]
        assert [future.result(PATIENCE) for future in futures] == list(range(200))
        at_once, most = 0, 0
        for line in Path(folder, "log").read_text(encoding="utf-8").splitlines():
            at_once += 1 if line[0] == "+" else -1
            most = max(most, at_once)
        assert at_once == 0
        assert most <= executor.slots

    def test_works_begin_in_the_order_they_came(self, opened: Any, folder: str) -> None:
        executor = opened(1)
        futures = [executor.submit(Call(n, "log", folder, n)) for n in range(20)]
        wait(futures, timeout=PATIENCE)
        lines = Path(folder, "log").read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if line[0] == "+"] == [f"+{n}" for n in range(20)]

    def test_a_slot_is_free_when_the_future_ends(self, opened: Any) -> None:
        executor = opened(1)
        workers = {executor.submit(Call(n, "pid", near="a")).result(PATIENCE) for n in range(20)}
        assert len(workers) == 1

    def test_a_callback_may_submit_the_next_work(self, opened: Any) -> None:
        executor, last = opened(1), Future[Any]()

        def go_on(ended: Future[Any]) -> None:
            number = ended.result()
            if number == 50:
                last.set_result(number)
            else:
                executor.submit(Call(number + 1, "echo", number + 1)).add_done_callback(go_on)

        executor.submit(Call(0, "echo", 0)).add_done_callback(go_on)
        assert last.result(PATIENCE) == 50

    def test_a_number_is_refused_while_it_is_open_and_free_afterwards(
        self, executor: Executor, folder: str
    ) -> None:
        self.need_concurrency()
        first = executor.submit(Call(1, "wait", folder))
        with pytest.raises(UsageError, match="assignment 1 is open"):
            executor.submit(Call(1, "echo", 1))
        write(Path(folder, "gate"), "open")
        first.result(PATIENCE)
        assert executor.submit(Call(1, "echo", 1)).result(PATIENCE) == 1

    def test_a_work_that_cannot_be_encoded_fails_alone(self, executor: Executor) -> None:
        if not executor.elsewhere:
            pytest.skip("it hands over the work itself")
        assert isinstance(executor.submit(Call(1, "echo", object())).exception(PATIENCE), TypeError)
        assert executor.submit(Call(2, "echo", 2)).result(PATIENCE) == 2


class _Ends(_Fixtures):
    def test_a_work_that_has_not_begun_is_stopped(self, opened: Any, folder: str) -> None:
        self.need_concurrency()
        executor = opened(1)
        first, second, third = (
            executor.submit(Call(1, "wait", folder)),
            executor.submit(Call(2, "log", folder, 2)),
            executor.submit(Call(3, "log", folder, 3)),
        )
        assert executor.stop(2)
        assert second.cancelled()
        write(Path(folder, "gate"), "open")
        assert (first.result(PATIENCE), third.result(PATIENCE)) == ("gate", 3)
        assert "2" not in Path(folder, "log").read_text(encoding="utf-8")

    def test_stopping_what_is_over_or_never_was_says_so(self, executor: Executor) -> None:
        future = executor.submit(Call(1, "echo", 1))
        future.result(PATIENCE)
        assert executor.stop(1)
        assert executor.stop(99)
        assert future.result() == 1

    def test_a_stopped_work_ends_and_its_slot_is_free(self, opened: Any, folder: str) -> None:
        self.need_concurrency()
        executor = opened(1)
        first = executor.submit(Call(1, "wait", folder))
        second = executor.submit(Call(2, "echo", 2))
        wait_for(Path(folder, "gate-begun"))
        assert executor.stop(1) is self.can_kill
        with pytest.raises(CancelledError):
            first.result(PATIENCE)
        assert second.result(PATIENCE) == 2
        write(Path(folder, "gate"), "open")
        assert executor.submit(Call(1, "echo", 3)).result(PATIENCE) == 3

    def test_an_async_work_that_has_begun_is_stopped_for_real(
        self, executor: Executor, folder: str
    ) -> None:
        self.need_concurrency()
        future = executor.submit(Call(1, "sleep", folder))
        wait_for(Path(folder, "napping"))
        assert executor.stop(1)
        with pytest.raises(CancelledError):
            future.result(PATIENCE)
        assert executor.submit(Call(2, "echo", 2)).result(PATIENCE) == 2
        if not self.can_kill:  # a killed one cleans nothing up
            assert Path(folder, "cleaned").exists()

    def test_closing_waits_for_what_has_begun_and_drops_the_rest(
        self, opened: Any, folder: str
    ) -> None:
        self.need_concurrency()
        executor = opened(1)
        first = executor.submit(Call(1, "wait", folder))
        rest = [executor.submit(Call(n, "log", folder, n)) for n in range(2, 6)]
        wait_for(Path(folder, "gate-begun"))
        closing = threading.Thread(target=executor.close)
        closing.start()
        for future in rest:
            with pytest.raises(CancelledError):
                future.result(PATIENCE)
        assert not first.done()
        write(Path(folder, "gate"), "open")
        closing.join(PATIENCE)
        assert first.result(0) == "gate"
        assert not Path(folder, "log").exists()

    def test_abandoning_waits_for_nothing_that_can_be_ended(self, opened: Any, folder: str) -> None:
        self.need_concurrency()
        executor = opened(2)
        futures = [
            executor.submit(Call(1, "wait", folder)),
            executor.submit(Call(2, "sleep", folder)),
            executor.submit(Call(3, "wait", folder, "other")),
        ]
        wait_for(Path(folder, "gate-begun"))
        wait_for(Path(folder, "napping"))
        executor.abandon()
        assert all(future.done() for future in futures)
        for future in futures:
            with pytest.raises(CancelledError):
                future.result()
        write(Path(folder, "gate"), "open")
        write(Path(folder, "other"), "open")

    def test_a_closed_executor_takes_nothing_and_may_be_closed_again(
        self, executor: Executor
    ) -> None:
        executor.submit(Call(1, "echo", 1)).result(PATIENCE)
        executor.close()
        executor.close()
        executor.abandon()
        with pytest.raises(UsageError, match="is closed"):
            executor.submit(Call(2, "echo", 2))
        assert executor.stop(1)

    def test_closing_leaves_no_thread_behind(self, opened: Any, folder: str) -> None:
        before = set(threading.enumerate())
        executor = opened(2)
        Path(folder, "met").touch()
        for number, name in enumerate(["echo", "loop of"]):
            arguments = (1,) if name == "echo" else (folder, 1)
            executor.submit(Call(number, name, *arguments)).result(PATIENCE)
        executor.close()
        assert set(threading.enumerate()) <= before

    def test_a_call_out_of_time_fails_and_its_slot_is_free(self, opened: Any, folder: str) -> None:
        executor = opened(1)
        self.need_limit(executor, "seconds")
        limits = Limits(seconds=0.2)
        late = executor.submit(Call(1, "wait", folder, limits=limits)).exception(PATIENCE)
        assert isinstance(late, TimedOutError)
        assert late.limit.total_seconds() == 0.2
        assert ("goes on" in str(late.hint)) is not self.can_kill
        assert executor.submit(Call(2, "echo", 2)).result(PATIENCE) == 2
        write(Path(folder, "gate"), "open")

    def test_an_async_call_out_of_time_fails(self, executor: Executor, folder: str) -> None:
        self.need_limit(executor, "seconds")
        limits = Limits(seconds=0.2)
        late = executor.submit(Call(1, "sleep", folder, limits=limits)).exception(PATIENCE)
        assert isinstance(late, TimedOutError)

    def test_a_call_within_its_time_is_let_be(self, begin: Any) -> None:
        for value in range(20):
            limits = Limits(seconds=PATIENCE)
            assert begin("echo", value, limits=limits).result(PATIENCE) == value


class ExecutorSuite(_Outcomes, _Slots, _Ends):
    """The tests; subclass it and override `make` and what is not so."""
