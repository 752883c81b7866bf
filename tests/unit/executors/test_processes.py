"""Workers: how they start, what they are confined to, and what a wrong word does."""

import os
import socket
import subprocess
import sys
import threading

import pytest

from ragflow.errors import PluginError, TimedOutError
from ragflow.executors.processes.executor import ProcessExecutor
from ragflow.executors.processes.frames import Begin, Channel, Ended
from ragflow.interfaces.execution import Limits, WorkerDiedError
from ragflow.testing.executor import BOOTSTRAP
from ragflow.testing.executor_calls import PATIENCE, Call
from ragflow.testing.executor_processes import wait_until_dead, written


@pytest.fixture
def opened():
    made = []

    def open_one(slots=1, **options):
        made.append(ProcessExecutor(slots, **{"bootstrap": BOOTSTRAP, **options}))
        return made[-1]

    yield open_one
    for executor in made:
        executor.abandon()


# --- Starting -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bootstrap", "why"),
    [
        ("ragflow.testing.executor_calls:broken_bootstrap", "no module named 'missing'"),
        ("ragflow.testing.executor_calls:missing", "has no attribute 'missing'"),
        ("ragflow.nowhere:bootstrap", "No module named 'ragflow.nowhere'"),
        ("", "Empty module name"),
    ],
)
def test_a_bootstrap_that_fails_is_told_apart_from_a_task_that_does(opened, bootstrap, why):
    executor = opened(bootstrap=bootstrap)
    for number in range(2):
        failed = executor.submit(Call(number, "echo", 1)).exception(PATIENCE)
        assert isinstance(failed, PluginError)
        assert bootstrap in str(failed)
        assert why in str(failed)
        assert "in the worker" in failed.__cause__.__notes__[0]


def test_a_worker_that_dies_whenever_it_starts_is_no_fault_of_the_work(opened):
    executor = opened(bootstrap="os:abort")
    failed = executor.submit(Call(1, "echo", 1)).exception(PATIENCE)
    assert isinstance(failed, PluginError)
    assert "tried 3 times: it ended with SIGABRT before it was ready" in str(failed)


def test_a_worker_that_dies_once_while_it_starts_is_started_again(opened, tmp_path, monkeypatch):
    tmp_path.joinpath("dies_once.py").write_text(
        f"""
import os
from pathlib import Path
from ragflow.testing.executor_calls import bootstrap as alive
def bootstrap():
    died = Path({str(tmp_path)!r}, "died")
    if not died.exists():
        died.touch()
        os.kill(os.getpid(), 9)
    return alive()
""",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    executor = opened(bootstrap="dies_once:bootstrap")
    assert executor.submit(Call(1, "echo", 5)).result(PATIENCE) == 5
    assert tmp_path.joinpath("died").exists()


def test_a_process_that_cannot_be_made_is_no_fault_of_the_work(opened, monkeypatch):
    def refuse(*_arguments, **_options):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    failed = opened().submit(Call(1, "echo", 1)).exception(PATIENCE)
    assert isinstance(failed, PluginError)
    assert "Resource temporarily unavailable" in str(failed)


def test_a_worker_that_never_gets_ready_is_killed(opened):
    executor = opened(bootstrap="signal:pause", ready_within=0.5)
    failed = executor.submit(Call(1, "echo", 1)).exception(PATIENCE)
    assert isinstance(failed, PluginError)
    assert "was not ready within 0.5 s" in str(failed)


def test_a_worker_is_stopped_while_it_starts(opened):
    executor = opened(bootstrap="signal:pause")
    future = executor.submit(Call(1, "echo", 1))
    assert executor.stop(1)
    assert future.done()


def test_a_worker_finds_what_its_parent_finds(opened, tmp_path, monkeypatch):
    tmp_path.joinpath("mine.py").write_text(
        "class P:\n    def perform(self, data, tell):\n        return b'\\x05'\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert opened(bootstrap="mine:P").submit(Call(1, "echo", 1)).result(PATIENCE) == 5


def test_a_worker_imports_little(opened):
    program = "import sys; import ragflow.executors.processes.worker; print(len(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert int(loaded.stdout) < 250


def test_what_tasks_print_goes_where_it_is_told(opened, tmp_path):
    with tmp_path.joinpath("printed").open("wb") as file:
        executor = opened(prints_to=file.fileno())
        executor.submit(Call(1, "print", "printed")).result(PATIENCE)
        executor.close()
    assert tmp_path.joinpath("printed").read_bytes() == b"printedprinted"


# --- Confinement --------------------------------------------------------------------------------


def run_python(program, **options):
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, **options
    )


def test_without_the_kernel_python_code_is_still_refused_the_network():
    done = run_python(
        """
import socket
from ragflow.executors.processes import confinement
from ragflow.errors import LimitError
listening = socket.create_server(("127.0.0.1", 0))
confinement._enter_empty_network = lambda: False
assert not confinement.cut_network()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for ask in (
    lambda: socket.create_connection(listening.getsockname()),
    lambda: socket.getaddrinfo("localhost", 1),
    lambda: socket.gethostbyname("localhost"),
    lambda: udp.sendto(b"x", listening.getsockname()),
    lambda: udp.bind(("127.0.0.1", 0)),
):
    try:
        ask()
    except LimitError:
        continue
    raise AssertionError(ask)
"""
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has network namespaces")
def test_the_kernel_gives_a_confined_worker_an_empty_network():
    done = run_python(
        """
import os
from pathlib import Path
from ragflow.executors.processes.confinement import cut_network
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)  # as anybody else
user = os.getuid()
if not cut_network():
    print("refused")
else:
    assert os.getuid() == user
    names = [line.partition(":")[0].strip() for line in open("/proc/self/net/dev")][2:]
    assert names in ([], ["lo"]), names
"""
    )
    if done.stdout == "refused\n":
        pytest.skip("the kernel does not let everybody have a network of their own")
    assert done.returncode == 0, done.stderr


def test_where_the_kernel_does_not_tell_a_thread_notices_that_the_parent_died():
    worker = run_python(
        """
import os, sys, threading, time
from ragflow.executors.processes.confinement import watch
os.setpgid(0, 0)
read, write = os.pipe()
if os.fork():
    os.read(read, 1)
    os._exit(0)  # the fork has begun to watch, and is an orphan now
parent = os.getppid()
threading.Thread(target=watch, args=(parent,), daemon=True).start()
os.write(write, b"x")
time.sleep(600)
"""
    )
    # The pipes are read to their end, which comes with the death of the fork.
    assert worker.stdout == ""


# --- Words --------------------------------------------------------------------------------------


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_header_and_its_body_arrive_whole(ends):
    ours, theirs = map(Channel, ends)
    body = os.urandom(5_000_000)
    sending = threading.Thread(target=ours.send, args=(Begin(7), body))
    sending.start()
    assert theirs.receive(Begin) == (Begin(7), body)
    sending.join()


@pytest.mark.parametrize(
    "data", [b"\xff" * 12, b"\0\0\0\1" + b"\0" * 8 + b"\xc1", b"\0\0\0\1" + b"\0" * 8 + b"\x05"]
)
def test_what_is_no_word_is_a_value_error(ends, data):
    ours, theirs = ends
    ours.sendall(data)
    with pytest.raises(ValueError, match=r"."):
        Channel(theirs).receive(Ended)


def test_too_long_a_body_is_not_read(ends):
    ours, theirs = ends
    Channel(ours).send(Ended(), b"12345")
    with pytest.raises(OverflowError):
        Channel(theirs).receive_answer(at_most=4)


def test_an_end_that_is_gone_is_an_end_of_file(ends):
    ours, theirs = ends
    ours.sendall(b"\0\0")
    ours.close()
    with pytest.raises(EOFError):
        Channel(theirs).receive(Ended)
    with pytest.raises(EOFError):
        Channel(theirs).send(Begin(None), b"x" * 10)


def test_a_worker_that_speaks_nonsense_is_replaced(opened, tmp_path, monkeypatch):
    tmp_path.joinpath("nonsense.py").write_text(
        """
import os, socket, sys
class P:
    def perform(self, data, tell):
        if b"nonsense" in data:
            socket.socket(fileno=int(sys.argv[1])).sendall(b"\\xff" * 100)
        return b"\\x05"
""",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    executor = opened(bootstrap="nonsense:P")
    died = executor.submit(Call(1, "echo", "nonsense")).exception(PATIENCE)
    assert isinstance(died, WorkerDiedError)
    assert "gave an answer that cannot be read" in str(died)
    assert executor.submit(Call(2, "echo", 1)).result(PATIENCE) == 5


# --- What is told -------------------------------------------------------------------------------


def test_all_that_was_told_is_heard_of_threads_too_and_nothing_of_forks(opened):
    work = Call(1, "tell", 500, "return", limits=Limits(output=100))
    executor = opened()
    assert executor.submit(work).result(PATIENCE) == 500
    assert [each for each in work.heard if each != b"beside"] == [
        str(number).encode() for number in range(500)
    ]
    assert work.heard.count(b"beside") == 500
    next_one = Call(2, "echo", 1)
    executor.submit(next_one).result(PATIENCE)
    assert next_one.heard == []


def test_what_was_told_before_a_death_is_heard(opened):
    work = Call(1, "tell", 50, "kill")
    assert isinstance(opened().submit(work).exception(PATIENCE), WorkerDiedError)
    assert len(work.heard) == 100


def test_what_was_told_before_the_time_was_over_is_heard(opened):
    work = Call(1, "tell", 50, "sleep", limits=Limits(seconds=1))
    assert isinstance(opened().submit(work).exception(PATIENCE), TimedOutError)
    assert len(work.heard) == 100


def test_what_cannot_be_heard_costs_the_work_nothing(opened, monkeypatch):
    monkeypatch.setattr(Call, "hear", lambda *_: 1 / 0)
    assert opened().submit(Call(1, "tell", 5, "return")).result(PATIENCE) == 5


# --- Ends ---------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux gives a handle of a process")
def test_programs_of_tasks_end_when_their_scheduler_is_killed(tmp_path):
    program = f"""
import os, signal
from ragflow.executors.processes.executor import ProcessExecutor
from ragflow.testing.executor_calls import Call, wait_for
from pathlib import Path
executor = ProcessExecutor(1, bootstrap={BOOTSTRAP!r})
executor.submit(Call(1, "start program", {str(tmp_path)!r}))
wait_for(Path({str(tmp_path)!r}, "program"))
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert run_python(program).returncode == -9
    wait_until_dead(*written(str(tmp_path), "program"))


def test_the_limits_are_plain_data():
    assert Limits(seconds=1.0) == Limits(seconds=1.0)
    assert hash(Limits()) == hash(Limits())
    with pytest.raises(AttributeError):
        Limits().memory = 5
