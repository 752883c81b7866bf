"""What must an executor do whose workers are processes of this machine?

Subclass `ProcessExecutorSuite`, say how one is made, here and by a program, and run pytest.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, wait
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ragflow.errors import LimitError, TimedOutError
from ragflow.interfaces.execution import CarriedError, Executor, Limits, WorkerDiedError
from ragflow.testing.executor import ExecutorSuite
from ragflow.testing.executor_calls import PATIENCE, Call, wait_for, write

CONFINED = Limits(network=False)
MEGABYTE = 1_000_000


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that ended and was not reaped does not."""
    shown = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)],  # noqa: S607 - found by PATH, as everywhere
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout.strip()[:1] not in {"", "Z"}


def wait_until_dead(*pids: int) -> None:
    """Return once none of them runs. What they do takes minutes, so a kill is what ends them."""
    for _ in range(300):
        if not any(is_alive(pid) for pid in pids):
            return
        time.sleep(0.1)
    raise AssertionError(f"of {pids} some live on")


def written(folder: str, name: str, *, lines: int = 1) -> list[int]:
    """Return the numbers that calls wrote, once there are that many."""
    path = Path(folder, name)
    wait_for(path, lines=lines)
    return [int(line) for line in path.read_text(encoding="utf-8").split()]


class _Stays(ExecutorSuite):
    def test_a_work_that_stays_is_done_where_it_was_submitted(self, executor: Executor) -> None:
        stays = executor.submit(Call(1, "here", limits=CONFINED))
        goes = executor.submit(Call(2, "pid", limits=CONFINED))
        assert stays.result(PATIENCE) == os.getpid()
        assert goes.result(PATIENCE) != os.getpid()


class _Deaths(_Stays):
    @pytest.mark.parametrize("how", ["segfault", "exit", "kill"])
    def test_a_death_costs_what_the_worker_did_and_nothing_else(
        self, executor: Executor, folder: str, how: str
    ) -> None:
        bystander = executor.submit(Call(1, "wait", folder))
        written(folder, "gate-begun")
        victim = executor.submit(Call(2, "die", how))
        waiting = [executor.submit(Call(n, "echo", n)) for n in range(3, 9)]
        died = victim.exception(PATIENCE)
        assert isinstance(died, WorkerDiedError)
        assert [future.result(PATIENCE) for future in waiting] == list(range(3, 9))
        assert not bystander.done()
        write(Path(folder, "gate"), "open")
        assert bystander.result(PATIENCE) == "gate"
        assert (died.number, died.exit_code, died.signal_name) == {
            "segfault": (2, None, "SIGSEGV"),
            "exit": (2, 3, None),
            "kill": (2, None, "SIGKILL"),
        }[how]

    def test_each_of_many_deaths_is_its_own(self, executor: Executor) -> None:
        futures = [
            executor.submit(Call(n, "die", "kill") if n % 3 == 0 else Call(n, "echo", n))
            for n in range(12)
        ]
        wait(futures, timeout=PATIENCE)
        for number, future in enumerate(futures):
            if number % 3 == 0:
                assert isinstance(future.exception(), WorkerDiedError)
            else:
                assert future.result() == number

    def test_a_worker_killed_while_it_does_nothing_costs_nothing(self, opened: Any) -> None:
        executor = opened(1)
        pid = executor.submit(Call(1, "pid")).result(PATIENCE)
        os.kill(pid, signal.SIGKILL)
        wait_until_dead(pid)
        assert executor.submit(Call(2, "pid")).result(PATIENCE) != pid

    def test_a_worker_whose_fork_lives_on_is_seen_to_have_died(
        self, executor: Executor, folder: str
    ) -> None:
        died = executor.submit(Call(1, "fork and die", folder)).exception(PATIENCE)
        assert isinstance(died, WorkerDiedError)
        assert died.exit_code == 7
        wait_until_dead(*written(folder, "program"))

    def test_what_a_task_started_ends_with_its_worker(
        self, executor: Executor, folder: str
    ) -> None:
        future = executor.submit(Call(1, "start program", folder))
        program = written(folder, "program")
        assert executor.stop(1)
        with pytest.raises(CancelledError):
            future.result(PATIENCE)
        wait_until_dead(*program)

    def test_a_stopped_worker_is_dead_even_in_compiled_code(
        self, executor: Executor, folder: str
    ) -> None:
        future = executor.submit(Call(1, "hog", folder, 600))
        pids = written(folder, "napping")
        assert executor.stop(1)
        assert future.done()
        wait_until_dead(*pids)

    def test_an_error_of_a_class_unknown_here_names_it_and_its_bases(
        self, executor: Executor
    ) -> None:
        raised = executor.submit(Call(1, "fail", "local")).exception(PATIENCE)
        assert isinstance(raised, CarriedError)
        assert "LocalError: mine" in str(raised)
        assert "builtins:ConnectionError" in raised.kinds

    def test_an_error_brings_the_traceback_of_the_worker(self, executor: Executor) -> None:
        raised = executor.submit(Call(1, "fail", "value")).exception(PATIENCE)
        assert raised is not None
        assert "in _fail" in "".join(raised.__notes__)


class _Kept(ExecutorSuite):
    def test_a_call_out_of_time_in_compiled_code_is_killed(
        self, executor: Executor, folder: str
    ) -> None:
        limits = Limits(seconds=0.2)
        late = executor.submit(Call(1, "hog", folder, 600, limits=limits)).exception(PATIENCE)
        assert isinstance(late, TimedOutError)
        if Path(folder, "napping").exists():
            wait_until_dead(*written(folder, "napping"))

    def test_memory_is_limited_for_a_task_and_not_for_the_next(self, executor: Executor) -> None:
        self.need_limit(executor, "memory")
        limits = Limits(memory=200 * MEGABYTE)
        calls = [
            executor.submit(Call(1, "fill", 100 * MEGABYTE, limits=limits)),
            executor.submit(Call(2, "fill", 300 * MEGABYTE, limits=limits)),
            executor.submit(Call(3, "fill", 100 * MEGABYTE, limits=limits)),
            executor.submit(Call(4, "fill", 300 * MEGABYTE)),
        ]
        over = calls[1].exception(PATIENCE)
        assert isinstance(over, LimitError)
        assert "memory than 200 MB" in str(over)
        assert [calls[n].result(PATIENCE) // MEGABYTE for n in (0, 2, 3)] == [100, 100, 300]

    def test_a_work_that_does_not_fit_into_the_memory_is_over_its_limit(
        self, executor: Executor
    ) -> None:
        self.need_limit(executor, "memory")
        limits = Limits(memory=20 * MEGABYTE)
        large = Call(1, "echo", bytes(30 * MEGABYTE), limits=limits)
        assert isinstance(executor.submit(large).exception(PATIENCE), LimitError)

    def test_output_is_limited(self, executor: Executor) -> None:
        limits = Limits(output=1000)
        over = executor.submit(Call(1, "reply", 2000, limits=limits)).exception(PATIENCE)
        assert isinstance(over, LimitError)
        assert "gives back more than 1 kB" in str(over)
        assert len(executor.submit(Call(2, "reply", 900, limits=limits)).result(PATIENCE)) == 900

    @pytest.mark.parametrize("name", ["open socket", "ask for name"])
    def test_the_network_is_denied(self, executor: Executor, name: str) -> None:
        denied = executor.submit(Call(1, name, limits=CONFINED)).exception(PATIENCE)
        assert isinstance(denied, LimitError)
        assert "network" in str(denied)
        here = executor.submit(Call(2, "speak here", limits=CONFINED))
        assert here.result(PATIENCE) == b"here"

    def test_a_confined_worker_does_only_works_that_are(self, executor: Executor) -> None:
        for number in range(0, 12, 2):
            free = executor.submit(Call(number, "open socket"))
            confined = executor.submit(Call(number + 1, "open socket", limits=CONFINED))
            assert isinstance(free.exception(PATIENCE), OSError)  # nobody listens there
            assert isinstance(confined.exception(PATIENCE), LimitError)

    def test_no_more_workers_live_than_there_are_slots(self, executor: Executor) -> None:
        kinds = [Limits(), CONFINED, Limits(memory=MEGABYTE * 500)]
        pids = {
            executor.submit(Call(n, "pid", limits=kinds[n % 3])).result(PATIENCE) for n in range(9)
        }
        assert sum(is_alive(pid) for pid in pids) <= executor.slots

    def test_what_a_task_prints_does_not_disturb(self, executor: Executor) -> None:
        assert executor.submit(Call(1, "print", "\x00\x00\x00\x01\n")).result(PATIENCE) is None
        assert executor.submit(Call(2, "echo", 2)).result(PATIENCE) == 2


class _Lives(ExecutorSuite):
    #: A program that makes an executor of two slots and calls it `executor`.
    program: ClassVar[str]

    def test_works_with_an_equal_near_go_to_the_worker_that_knows_it(
        self, executor: Executor, folder: str
    ) -> None:
        both = [executor.submit(Call(n, "meet", folder, 2, near="ab"[n])) for n in range(2)]
        pids = [future.result(PATIENCE) for future in both]
        for number in range(2, 12):
            near = number // 2 % 2
            future = executor.submit(Call(number, "pid", near="ab"[near]))
            assert future.result(PATIENCE) == pids[near]

    def test_a_worker_that_is_busy_is_not_waited_for(self, executor: Executor, folder: str) -> None:
        busy = executor.submit(Call(1, "wait", folder, near="a"))
        pid = written(folder, "gate-begun")[0]
        assert executor.submit(Call(2, "pid", near="a")).result(PATIENCE) != pid
        write(Path(folder, "gate"), "open")
        busy.result(PATIENCE)

    def test_a_worker_keeps_what_its_bootstrap_made(self, opened: Any) -> None:
        executor = opened(1)
        held = [executor.submit(Call(n, "hold", str(n))).result(PATIENCE) for n in range(3)]
        assert held == [["0"], ["0", "1"], ["0", "1", "2"]]

    def test_closing_ends_and_reaps_every_worker(self, executor: Executor, folder: str) -> None:
        futures = [executor.submit(Call(n, "meet", folder, 2)) for n in range(2)]
        pids = [future.result(PATIENCE) for future in futures]
        executor.close()
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)

    def test_a_worker_does_not_hear_an_interrupt(self, opened: Any) -> None:
        executor = opened(1)
        pid = executor.submit(Call(1, "pid")).result(PATIENCE)
        os.kill(pid, signal.SIGINT)
        assert executor.submit(Call(2, "pid")).result(PATIENCE) == pid
        assert os.getpgid(pid) != os.getpgid(0)

    @pytest.mark.parametrize("limits", [Limits(), CONFINED], ids=["free", "confined"])
    def test_workers_die_with_their_parent_whatever_they_do(
        self, run_program: Callable[[str], Any], folder: str, limits: Limits
    ) -> None:
        parent = run_program(
            f"""
limits = Limits(network={limits.network})
executor.submit(Call(1, "nap", {folder!r}, 600.0, limits=limits))
executor.submit(Call(2, "hog", {folder!r}, 600, limits=limits))
import time; time.sleep(600)
"""
        )
        pids = written(folder, "napping", lines=2)
        parent.kill()
        parent.wait(PATIENCE)
        wait_until_dead(*pids)

    def test_workers_that_do_nothing_die_with_their_parent(
        self, run_program: Callable[[str], Any], folder: str
    ) -> None:
        parent = run_program(
            f"""
for n in range(2):
    executor.submit(Call(n, "meet", {folder!r}, 2))
import time; time.sleep(600)
"""
        )
        pids = written(folder, "met", lines=2)
        parent.kill()
        parent.wait(PATIENCE)
        wait_until_dead(*pids)

    def test_a_program_that_forgets_to_close_it_ends_and_leaves_nothing(
        self, run_program: Callable[[str], Any], folder: str
    ) -> None:
        parent = run_program(
            f"""
executor.submit(Call(1, "echo", 1)).result()
executor.submit(Call(2, "nap", {folder!r}, 600.0))
from pathlib import Path
from ragflow.testing.executor_calls import wait_for
wait_for(Path({folder!r}, "napping"))
"""
        )
        assert parent.wait(PATIENCE) == 0
        wait_until_dead(*written(folder, "napping"))

    @pytest.fixture
    def run_program(self) -> Any:
        """Give a function that runs a program with an `executor` in a process of its own."""
        running: list[subprocess.Popen[bytes]] = []
        words = (
            "from ragflow.interfaces.execution import Limits\n"
            "from ragflow.testing.executor_calls import Call\n"
        )

        def run(text: str) -> subprocess.Popen[bytes]:
            program = f"{self.program}\n{words}{text}"
            running.append(subprocess.Popen([sys.executable, "-c", program]))
            return running[-1]

        yield run
        for process in running:
            process.kill()
            process.wait()


class ProcessExecutorSuite(_Deaths, _Kept, _Lives):
    """The tests of any executor, and these; subclass it, override `make` and set `program`."""

    can_kill = True
    shares_loop = False
