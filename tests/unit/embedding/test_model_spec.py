from pathlib import Path

import msgspec
import pytest

from ragflow.embedding.model_spec import ModelSpec, Prompts, load_spec
from ragflow.errors import NotFoundError, ParameterError

MODELS = Path(__file__).parents[3] / "models"
MINIMAL = """
name = "mine"
kind = "hashing"
dimension = 8
metric = "cosine"
limit = 16
pooling = "sum"
"""


def write(folder: Path, text: str, name: str = "mine") -> None:
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", [file.stem for file in MODELS.glob("*.toml")])
def test_every_shipped_spec_can_be_loaded_and_states_its_licence(name):
    spec = load_spec(name)
    assert spec.name == name
    assert spec.licence
    assert spec.source
    assert spec.digest or spec.revision


def test_the_default_model_is_what_its_files_say():
    spec = load_spec("all-minilm-l6-v2")
    assert (spec.dimension, spec.limit, spec.pooling, spec.metric) == (384, 256, "mean", "cosine")


def test_a_given_folder_comes_before_what_is_shipped(tmp_path):
    write(tmp_path, MINIMAL.replace("mine", "hashing"), "hashing")
    assert load_spec("hashing", folders=[tmp_path]).dimension == 8
    assert load_spec("hashing").dimension == 256


def test_an_unknown_name_names_the_nearest_and_the_known_ones(tmp_path):
    write(tmp_path, MINIMAL)
    with pytest.raises(NotFoundError, match="'all-minilm-l6'") as raised:
        load_spec("all-minilm-l6", folders=[tmp_path])
    assert raised.value.hint == (
        "did you mean 'all-minilm-l6-v2'? known models: all-minilm-l6-v2, hashing, mine"
    )
    with pytest.raises(NotFoundError) as raised:
        load_spec("zzz")
    assert raised.value.hint.startswith("known models:")


def test_a_name_is_no_path(tmp_path):
    write(tmp_path, MINIMAL)
    with pytest.raises(NotFoundError):
        load_spec(f"../{tmp_path.name}/mine", folders=[tmp_path])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("limit = 16", ""), "missing required field `limit`"),
        (("limit", "limits"), "limits"),
        (("limit = 16", 'limit = "16"'), "Expected `int`"),
        (("limit = 16", "limit = 0"), ">= 1|> 0"),
        (('"cosine"', '"euclidean"'), "euclidean"),
        (('"hashing"', '"onnx"'), "onnx"),
        (('"mine"', '"yours"'), "yours"),
        (("limit = 16", "limit = "), "is not TOML"),
    ],
)
def test_a_wrong_file_says_what_is_wrong_and_where(tmp_path, change, reason):
    write(tmp_path, MINIMAL.replace(*change))
    with pytest.raises(ParameterError, match=reason) as raised:
        load_spec("mine", folders=[tmp_path])
    assert "mine.toml" in str(raised.value)


def test_a_relative_path_is_beside_the_file(tmp_path):
    write(tmp_path, MINIMAL + 'path = "weights"')
    assert load_spec("mine", folders=[tmp_path]).path == str(tmp_path / "weights")


def test_the_identity_holds_what_makes_the_space_and_nothing_else(spec):
    place = msgspec.structs.replace(spec, path="/elsewhere", package="", hub="", source="x")
    assert place.identity() == spec.identity()
    changes = {
        "name": "x", "kind": "hashing", "digest": "x", "revision": "x", "dimension": 1,
        "limit": 1, "pooling": "x", "prompts": Prompts(query="q"),
    }  # fmt: skip
    for key, value in changes.items():
        assert msgspec.structs.replace(spec, **{key: value}).identity() != spec.identity()
    assert msgspec.json.decode(msgspec.json.encode(spec.identity())) == spec.identity()


def test_a_spec_cannot_be_changed(spec):
    with pytest.raises(AttributeError):
        spec.limit = 512
    assert isinstance(hash(spec), int)
    assert isinstance(spec, ModelSpec)
