import msgspec
import pytest
import torch

from ragflow.embedding import devices
from ragflow.embedding.hashing import HashingEmbedder
from ragflow.embedding.light import LightEncoder
from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.opening import open_embedder, open_tokenizer
from ragflow.embedding.sparing import FEW
from ragflow.embedding.tokenizer import WordTokenizer
from ragflow.errors import NotFoundError


def test_the_kind_of_a_spec_chooses_what_is_opened(spec):
    hashing = load_spec("hashing")
    assert isinstance(open_embedder(hashing), HashingEmbedder)
    assert isinstance(open_embedder(hashing, light=True), HashingEmbedder)
    assert isinstance(open_tokenizer(hashing), WordTokenizer)
    assert isinstance(open_embedder(spec, light=True), LightEncoder)


def test_each_opening_is_its_own(spec):
    assert open_embedder(spec, light=True) is not open_embedder(spec, light=True)


def test_a_model_without_a_tokenizer_file_is_refused(spec, copied):
    (copied / "tokenizer.json").unlink()
    bare = msgspec.structs.replace(spec, package="", path=str(copied))
    with pytest.raises(NotFoundError, match=r"tokenizer\.json"):
        open_tokenizer(bare)


def test_where_there_are_several_devices_all_of_them_embed(spec, monkeypatch):
    monkeypatch.setattr(devices, "several_devices", lambda: ["cpu", "cpu"])
    texts = [f"text number {number}" for number in range(FEW)]
    embedder = open_embedder(spec)
    assert len(embedder.embed(texts)) == FEW
    assert embedder.device == "cpu+cpu"
    embedder.close()


def test_a_machine_without_several_gpus_has_no_worker_processes():
    if torch.cuda.device_count() > 1:
        pytest.skip("there are several GPUs here")
    assert devices.several_devices() == []
