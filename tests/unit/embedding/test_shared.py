"""One open model serves all who use it in a process."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from ragflow.embedding import shared
from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.shared import shared_embedder
from ragflow.errors import NotFoundError
from ragflow.tasks.embed import embedder

SPEC = load_spec("hashing")


@pytest.fixture(autouse=True)
def _nothing_open(monkeypatch):
    monkeypatch.setattr(shared, "_open", weakref.WeakValueDictionary())
    monkeypatch.setattr(shared, "_last", [])


def test_equal_specs_share_one_and_others_do_not():
    one = shared_embedder(SPEC)
    assert shared_embedder(load_spec("hashing")) is one
    with embedder.function("hashing") as opened:
        assert opened is one
    other = shared_embedder(msgspec.structs.replace(SPEC, limit=128))
    assert other is not one
    assert shared_embedder(SPEC, device="cpu") is not one
    assert shared_embedder(SPEC) is one


def test_many_threads_open_it_once(monkeypatch):
    opened = []
    really = shared.open_embedder

    def open_embedder(spec, **how):
        opened.append(spec.name)
        return really(spec, **how)

    monkeypatch.setattr(shared, "open_embedder", open_embedder)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: shared_embedder(SPEC), range(40)))
    assert opened == ["hashing"]
    assert len(set(map(id, found))) == 1


def test_it_outlives_its_run_until_another_is_opened():
    gone = weakref.ref(shared_embedder(SPEC))
    gc.collect()
    assert gone() is not None
    assert shared_embedder(SPEC) is gone()
    shared_embedder(msgspec.structs.replace(SPEC, limit=128))
    gc.collect()
    assert gone() is None


def test_what_cannot_be_opened_is_tried_again():
    missing = load_spec("all-minilm-l6-v2")
    missing = msgspec.structs.replace(missing, package="no-such-package", hub="")
    for _ in range(2):
        with pytest.raises(NotFoundError, match="not on this machine"):
            shared_embedder(missing)
