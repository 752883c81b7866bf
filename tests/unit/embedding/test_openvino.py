import numpy as np
import pytest

pytest.importorskip("openvino", reason="pip install 'ragflow[openvino]'")

from ragflow.embedding.calibration import calibrate
from ragflow.embedding.encoder import Encoder
from ragflow.embedding.forward import TorchForward, Way
from ragflow.embedding.openvino_forward import OpenvinoForward

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def kept_in(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "ragflow"


def test_rows_are_those_of_torch_padded_or_not(folder):
    ids = [
        [101, 7592, 2088, 102],
        [101, 2023, 2003, 1037, 3231, 1997, 11687, 4667, 102],
        [101, 102],
    ]
    found = OpenvinoForward(folder, "float32", threads=1).rows(ids)
    plain = TorchForward(folder, "cpu", "float32", is_plain=True)
    alone = np.concatenate([plain.rows([each]) for each in ids])
    assert np.abs(found - alone).max() < 1e-6


def test_what_was_converted_is_kept_and_read_again(folder, kept_in, monkeypatch):
    from ragflow.embedding import openvino_forward

    ids = [[101, 7592, 2088, 102]]
    first = OpenvinoForward(folder, "float32", threads=1).rows(ids)
    assert sorted(file.suffix for file in (kept_in / "openvino").iterdir()) == [".bin", ".xml"]
    monkeypatch.setattr(openvino_forward, "_convert", None)
    again = OpenvinoForward(folder, "float32", threads=2).rows(ids)
    assert np.abs(again - first).max() < 1e-6


def test_it_is_one_of_the_ways_a_calibration_tries(spec):
    found = calibrate(spec, device="cpu")
    trial = found.of(Way("openvino", "float32", 0, 0))
    assert trial.refused == ""
    assert trial.worst > 0.99999
    assert trial.tokens_per_second > 0


def test_an_encoder_computes_with_it(spec, folder, encoder, texts):
    other = Encoder(spec, folder, device="cpu", engine="openvino", precision="float32")
    assert other.way.engine == "openvino"
    one, two = (
        np.array([np.frombuffer(each.half, "<f2").astype(float) for each in which.embed(texts)])
        for which in (encoder, other)
    )
    assert np.abs(one - two).max() < 2**-11
    other.close()
