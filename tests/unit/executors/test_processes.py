"""Workers: how they start, what they are confined to, and what a wrong word does."""

import os
import socket
import subprocess
import sys
import threading

import pytest

from ragflow.errors import PluginError
from ragflow.executors.processes.executor import ProcessExecutor
from ragflow.executors.processes.frames import Begin, Channel, Ended
from ragflow.interfaces.execution import Limits, WorkerDiedError
from ragflow.testing.executor import BOOTSTRAP
from ragflow.testing.executor_calls import PATIENCE, Call


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


def test_a_worker_that_dies_while_it_starts_is_a_death(opened):
    executor = opened(bootstrap="os:abort")
    died = executor.submit(Call(1, "echo", 1)).exception(PATIENCE)
    assert isinstance(died, WorkerDiedError)
    assert died.signal_name == "SIGABRT"


def test_a_worker_that_never_gets_ready_is_killed(opened):
    executor = opened(bootstrap="signal:pause", ready_within=0.5)
    died = executor.submit(Call(1, "echo", 1)).exception(PATIENCE)
    assert "was not ready within 0.5 s" in str(died)


def test_a_worker_is_stopped_while_it_starts(opened):
    executor = opened(bootstrap="signal:pause")
    future = executor.submit(Call(1, "echo", 1))
    assert executor.stop(1)
    assert future.done()


def test_a_worker_finds_what_its_parent_finds(opened, tmp_path, monkeypatch):
    tmp_path.joinpath("mine.py").write_text(
        "class P:\n    def perform(self, data):\n        return b'\\x05'\n", encoding="utf-8"
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
        Channel(theirs).receive(Ended, at_most=4)


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
    def perform(self, data):
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


def test_the_limits_are_plain_data():
    assert Limits(seconds=1.0) == Limits(seconds=1.0)
    assert hash(Limits()) == hash(Limits())
    with pytest.raises(AttributeError):
        Limits().memory = 5
