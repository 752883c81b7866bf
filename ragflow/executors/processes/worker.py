"""The program of a worker: it hears of one work after the other, and answers.

It is started by `WorkerProcess`, and imports as little as it can: its bootstrap brings what
its tasks need.
"""

import faulthandler
import importlib
import os
import signal
import socket
import sys
import threading
from collections import deque

from ragflow.executors.processes.confinement import (
    be_killed_first,
    cut_network,
    die_with,
    end_group_with_me,
    limit_memory,
)
from ragflow.executors.processes.frames import OUT_OF_MEMORY, Begin, Channel, Ended, Setup, Told
from ragflow.interfaces.execution import Performer, over_limit
from ragflow.interfaces.packed_error import pack


def main() -> None:
    """Work until the parent has nothing more; run as ``... DESCRIPTOR PARENT``."""
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    die_with(parent)
    end_group_with_me(descriptor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the parent's to answer
    be_killed_first()
    os.set_inheritable(descriptor, False)  # programs a task starts must not keep it open
    channel = Channel(socket.socket(fileno=descriptor))
    try:
        _work(channel, parent)
    except EOFError:
        return
    except MemoryError:  # a work or its result did not fit, so no word can be said about it
        os._exit(OUT_OF_MEMORY)


def _work(channel: Channel, parent: int) -> None:
    setup, _ = channel.receive(Setup)
    if not setup.network:
        cut_network()
        die_with(parent)  # the kernel forgets it when credentials change
    faulthandler.enable()
    try:
        performer = _bootstrap(setup.bootstrap)
        if setup.memory is not None:
            limit_memory(setup.memory)
    except BaseException as error:  # noqa: BLE001 - the parent is told, and this process ends
        channel.send(Ended(error=pack(error), leaves=True))
        return
    ended, answer = Ended(), b""
    while not ended.leaves:
        channel.send(ended, answer)
        begin, data = channel.receive(Begin)
        telling = _Telling(channel)
        ended, answer = _perform(performer, data, begin, setup, telling)
        telling.end()
        del data
    channel.send(ended, answer)


def _bootstrap(place: str) -> Performer:
    module, _, name = place.partition(":")
    performer: Performer = getattr(importlib.import_module(module), name)()
    return performer


class _Telling:
    """Sends what a work tells, until it is over; safe for threads, and silent in forks."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._waiting: deque[bytes] = deque()
        self._is_sending = False
        self._is_over = False

    def __call__(self, data: bytes) -> None:
        if os.getpid() != self._pid:
            return  # a fork of a task, whose words would mix with ours
        self._waiting.append(data)
        with self._lock:
            if self._is_sending or self._is_over:
                return  # what is collected while a frame goes out may have something to say
            self._is_sending = True
            try:
                while self._waiting:
                    self._channel.send(Told(), self._waiting.popleft())
            finally:
                self._is_sending = False

    def end(self) -> None:
        """Send nothing from now on: the answer is next."""
        with self._lock:
            self._is_over = True


def _perform(
    performer: Performer, data: bytes, begin: Begin, setup: Setup, telling: _Telling
) -> tuple[Ended, bytes]:
    try:
        answer = performer.perform(data, telling)
    except MemoryError as error:
        # Whatever could not be finished still fills the heap.
        over = over_limit("memory", setup.memory).with_traceback(error.__traceback__)
        return Ended(error=pack(error if setup.memory is None else over), leaves=True), b""
    except BaseException as error:  # noqa: BLE001 - the parent is told
        return Ended(error=pack(error)), b""
    if begin.output is not None and len(answer) > begin.output:
        return Ended(error=pack(over_limit("output", begin.output))), b""
    return Ended(), answer
