"""What does a worker do to itself, before its first task, so that its limits are kept?"""

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from ragflow.interfaces.execution import over_limit

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
#: Seconds between two looks whether the parent is alive, where the kernel does not tell.
_PULSE = 0.5

_ASKS_FOR_NAMES = frozenset(
    {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}
)
_SPEAKS = frozenset({"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"})


def die_with(parent: int) -> None:
    """End this process when `parent` ends, however that comes about.

    On Linux the kernel kills it, whatever it does at that moment. Elsewhere a thread looks,
    so a call into C that never lets other threads run delays the end.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it ended before the kernel was asked
        os._exit(1)


def watch(parent: int) -> None:
    """Return never; end the process and its group when its parent is another one."""
    while os.getppid() == parent:
        time.sleep(_PULSE)
    os.killpg(0, signal.SIGKILL)


def end_group_with_me(speaks_over: int) -> None:
    """Have what this process starts killed when it ends, however that comes about; on Linux.

    A watcher does it: a fork that is nobody's child, so that no task waits for it, and that
    holds nothing but a handle of this process, not even the socket it `speaks_over`. Where
    the kernel gives no such handle (Linux before 5.3), programs that a task started outlive a
    scheduler that was killed. Must be called before the first thread starts.
    """
    if not hasattr(os, "pidfd_open"):
        return
    try:
        me = os.pidfd_open(os.getpid())
    except OSError:
        return
    between = os.fork()
    if between == 0:
        try:
            if os.fork() == 0:
                _watch_over_group(me, holding=(0, 1, 2, speaks_over))
        finally:
            os._exit(0)
    os.waitpid(between, 0)
    os.close(me)


def _watch_over_group(leader: int, *, holding: tuple[int, ...]) -> None:
    """Wait for the end of a process, then kill the group that this one is in, too."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    for number in holding:
        with contextlib.suppress(OSError):
            os.close(number)
    ended = select.poll()
    ended.register(leader, select.POLLIN)
    ended.poll()
    os.killpg(0, signal.SIGKILL)


def be_killed_first() -> None:
    """Have the kernel choose this process, not its parent, when memory runs out."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def limit_memory(more: int) -> None:
    """Refuse this process more private memory than it has now and `more` bytes; on Linux.

    Stacks of threads count, memory shared with others does not. Processes that a task starts
    have the same limit each.
    """
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmData:"):
            limit = int(line.split()[1]) * 1024 + more
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def cut_network() -> bool:
    """Take the network from this process and all it starts; return whether the kernel does it.

    Where the kernel allows it, as Linux does for root and on most machines for everybody,
    there is no network but an empty one of its own. In any case Python code is refused with
    `LimitError` as soon as it asks for a name or an address; without the kernel that is all,
    and compiled code and other programs can get around it. Sockets between processes of this
    machine (AF_UNIX) go on. Must be called before the first thread starts.
    """
    cut = sys.platform == "linux" and _enter_empty_network()
    sys.addaudithook(_refuse_network)
    return cut


def _enter_empty_network() -> bool:
    libc = ctypes.CDLL(None)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWNET) == 0:
        return True
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    with contextlib.suppress(OSError):  # it stays who it is; unmapped it would be nobody
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    return True


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return
    if event in _ASKS_FOR_NAMES:
        raise over_limit("network", None)
    if event in _SPEAKS and getattr(arguments[0], "family", None) != _unix_family():
        raise over_limit("network", None)


def _unix_family() -> int:
    import socket

    return socket.AF_UNIX
