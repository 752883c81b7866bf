"""Several devices embed together as one would, whatever becomes of their workers."""

import gc
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import pytest

from ragflow.embedding import device_workers
from ragflow.embedding.device_workers import DEATHS, PORTION, DeviceWorkers
from ragflow.embedding.hashing import HashingEmbedder
from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.opening import open_embedder
from ragflow.errors import NotFoundError, PluginError

SPEC = load_spec("hashing")
OPENING = "tests.unit.embedding.test_device_workers:troubled"
TEXTS = [f"text number {number} of {number % 7} kinds" for number in range(5 * PORTION)]


@pytest.fixture(autouse=True)
def _tests_are_found(monkeypatch):
    # A worker opens its model with a function of this file.
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[3])


class Troubled(HashingEmbedder):
    """One that notes where it works, and dies or fails of some texts."""

    def __init__(self, spec, notes):
        super().__init__(spec)
        self._notes = notes

    def embed(self, texts, *, kind="document"):
        with (self._notes / f"{os.getpid()}").open("a") as file:
            file.write(f"{len(texts)} {max(map(len, texts)) - min(map(len, texts))}\n")
        if "wrong" in texts:
            raise ValueError("it is wrong")
        if "deadly" in texts or ("once" in texts and not (self._notes / "once").exists()):
            (self._notes / "once").touch()
            os._exit(9)
        if "no vector" in texts:
            return [NoVector()] * len(texts)
        return super().embed(texts, kind=kind)


class NoVector:
    """What a model's own embedder may give by mistake."""

    half = 7


def troubled(spec, device):
    return Troubled(spec, Path(device))


def notes(folder):
    return {file: file.read_text().splitlines() for file in folder.iterdir() if file.name.isdigit()}


@pytest.fixture
def two(tmp_path):
    return DeviceWorkers(SPEC, [str(tmp_path)] * 2, opening=OPENING)


def test_it_gives_what_one_device_gives_and_both_work(two, tmp_path):
    texts = [*TEXTS, *TEXTS[:9], "é", "a half \ud800 of one", ""]
    assert two.embed(texts) == open_embedder(SPEC).embed(texts)
    done = notes(tmp_path)
    assert len(done) == 2
    sizes = [int(line.split()[0]) for lines in done.values() for line in lines]
    assert sum(sizes) == len(TEXTS) + 3  # each text once
    assert max(sizes) <= PORTION
    assert two.embed([]) == []
    assert two.embed(["one"], kind="query") == open_embedder(SPEC).embed(["one"])


def test_a_worker_that_dies_is_replaced_and_its_portion_done_again(two, tmp_path):
    texts = [*TEXTS, "once"]
    assert two.embed(texts) == open_embedder(SPEC).embed(texts)
    assert len(notes(tmp_path)) == 3
    for number in notes(tmp_path):  # and one that is killed while it has nothing to do
        subprocess.run(["kill", "-9", number.name], check=False)
    assert two.embed(TEXTS) == open_embedder(SPEC).embed(TEXTS)


def test_what_kills_every_worker_is_given_up_and_the_others_are_not(two, tmp_path):
    with pytest.raises(PluginError, match=f"{DEATHS} workers died"):
        two.embed([*TEXTS, "deadly"])
    assert len(notes(tmp_path)) >= DEATHS
    assert two.embed(TEXTS) == open_embedder(SPEC).embed(TEXTS)


def in_time(function, *arguments):
    """Return what a function returns; fail where it hangs."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function(*arguments)), daemon=True)
    thread.start()
    thread.join(60)
    assert found, "it hangs"
    return found[0]


def test_neither_texts_nor_answers_need_fit_into_a_socket(tmp_path):
    wide = msgspec.structs.replace(SPEC, dimension=1024)
    workers = DeviceWorkers(wide, [str(tmp_path)], opening=OPENING)
    texts = [f"{number:06} {'x' * 2048}" for number in range(5 * PORTION)]
    assert in_time(workers.embed, texts) == HashingEmbedder(wide).embed(texts)


def test_an_answer_that_is_none_fails_its_call_and_the_next_is_answered(tmp_path):
    one = DeviceWorkers(SPEC, [str(tmp_path)], opening=OPENING)

    def refused():
        with pytest.raises(msgspec.ValidationError):
            one.embed(["no vector"])
        return True

    assert in_time(refused)
    assert in_time(one.embed, TEXTS) == open_embedder(SPEC).embed(TEXTS)


def test_a_worker_that_cannot_be_started_says_why_and_is_started_once_it_can(two, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(PluginError, match=f"{DEATHS} workers died") as raised:
            two.embed(TEXTS)
    assert isinstance(raised.value.__cause__, FileNotFoundError)
    assert in_time(two.embed, TEXTS) == open_embedder(SPEC).embed(TEXTS)


def test_an_error_is_that_of_its_call(two):
    with ThreadPoolExecutor(3) as threads:
        wrong = threads.submit(two.embed, [*TEXTS[:50], "wrong"])
        others = [threads.submit(two.embed, TEXTS) for _ in range(2)]
    with pytest.raises(ValueError, match="it is wrong"):
        wrong.result()
    expected = open_embedder(SPEC).embed(TEXTS)
    assert [each.result() for each in others] == [expected, expected]


def test_a_model_that_cannot_be_opened_says_so():
    missing = load_spec("all-minilm-l6-v2")
    missing = msgspec.structs.replace(missing, package="no-such-package", hub="")
    with pytest.raises(NotFoundError, match="not on this machine") as raised:
        DeviceWorkers(missing, ["cpu"]).embed(["a"])
    assert raised.value.hint == "pip install no-such-package"


def test_workers_go_with_it(tmp_path):
    two = DeviceWorkers(SPEC, [str(tmp_path)] * 2, opening=OPENING)
    two.embed(TEXTS)
    before = threading.active_count()
    numbers = [int(file.name) for file in notes(tmp_path)]
    del two
    gc.collect()
    assert threading.active_count() <= before - 2
    for number in numbers:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


def test_a_model_on_two_devices_gives_the_vectors_of_one():
    spec = load_spec("all-minilm-l6-v2")
    texts = [" ".join(TEXTS[n : n + 1 + n % 9]) for n in range(60)]
    found, expected = (
        np.stack([np.frombuffer(each.half, "<f2").astype("f4") for each in embedder.embed(texts)])
        for embedder in (DeviceWorkers(spec, ["cpu"] * 2), open_embedder(spec, device="cpu"))
    )
    assert (found * expected).sum(axis=1).min() > 0.9998


def test_a_process_that_ends_leaves_no_worker(tmp_path):
    program = (
        "from pathlib import Path; import sys;"
        "from tests.unit.embedding.test_device_workers import *;"
        f"two = DeviceWorkers(SPEC, [{str(tmp_path)!r}] * 2, opening=OPENING);"
        "two.embed(TEXTS)"
    )
    root = Path(device_workers.__file__).resolve().parents[2]
    command = [sys.executable, "-c", program]
    subprocess.run(command, cwd=root, check=True, timeout=60)
    for file in notes(tmp_path):
        deadline = time.monotonic() + 10
        while Path(f"/proc/{file.name}").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
