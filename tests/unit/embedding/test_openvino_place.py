"""What OpenVINO converted is found again for the model it was converted from, and no other."""

import os

import pytest

from ragflow.embedding.openvino_forward import _place


@pytest.mark.parametrize("file", ["config.json", "modules.json", "1_Pooling/config.json"])
def test_a_model_that_computes_something_else_is_kept_elsewhere(copied, file):
    before = _place(copied, "1")
    assert _place(copied, "1") == before
    place = copied / file
    place.write_text(place.read_text().replace("{", '{"other": 1, ', 1))
    assert _place(copied, "1") != before


def test_so_is_one_of_other_weights_and_one_of_another_version(copied):
    before = _place(copied, "1")
    (copied / "2_Dense").mkdir()
    (copied / "2_Dense" / "model.safetensors").write_bytes(b"weights")
    with_more = _place(copied, "1")
    os.utime(copied / "2_Dense" / "model.safetensors", (1, 1))
    assert len({before, with_more, _place(copied, "1"), _place(copied, "2")}) == 4
