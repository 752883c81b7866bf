"""What `ragflow models` says of a model, and what it finds of one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ragflow.embedding.model_spec import known_models, load_spec
from ragflow.embedding.weights import find_weights
from tests.unit.embedding.endpoint import KEY, Endpoint, spec_toml

OWN = """
name = "own"
kind = "sentence-transformers"
dimension = 384
metric = "cosine"
limit = {limit}
pooling = "{pooling}"
path = "{path}"
{digest}
"""


@pytest.fixture
def endpoint(project, monkeypatch):
    """An endpoint with a spec in the project, and its key in the environment."""
    with Endpoint() as opened:
        (project.folder / "models").mkdir()
        (project.folder / "models" / "far.toml").write_text(spec_toml(opened.url), "utf-8")
        monkeypatch.setenv("FAR_KEY", KEY)
        yield opened


@pytest.fixture
def own(project):
    """Write a spec of the project's own over the weights of the default model."""

    def write(*, limit=256, pooling="mean", path=None, digest=""):
        folder = path or find_weights(load_spec("all-minilm-l6-v2"))
        (project.folder / "models").mkdir(exist_ok=True)
        text = OWN.format(limit=limit, pooling=pooling, path=folder, digest=digest)
        (project.folder / "models" / "own.toml").write_text(text, "utf-8")

    return write


def found(project, *arguments, code=0):
    """Return what was found, by name, as whether it is right and what it is."""
    told = project.ask("models-check", "models", "check", *arguments, code=code)
    return {each["name"]: (each["right"], each["found"]) for each in told["findings"]}


def test_the_list_has_every_model_and_says_where_its_weights_are(project):
    models = {each["name"]: each for each in project.ask("models", "models", "list")["models"]}
    assert list(models) == known_models()
    assert models["all-minilm-l6-v2"]["weights"]["where"] == "here"
    assert models["hashing"]["weights"]["where"] == "none"
    assert models["text-embedding-3-small"]["weights"]["where"] == "remote"
    spec = load_spec("bge-small-en-v1.5")
    assert models["bge-small-en-v1.5"]["weights"] == {
        "where": "missing",
        "path": None,
        "get": f"hf download BAAI/bge-small-en-v1.5 --revision {spec.revision}",
    }
    lines = project.type("models", "list").lines
    assert len(lines) == 1 + len(models)
    assert lines[1].split() == ["all-minilm-l6-v2", "384", "256", "Apache-2.0", "here"]


def test_models_of_the_project_are_among_them(project, own):
    own()
    models = {each["name"] for each in project.ask("models", "models", "list")["models"]}
    assert "own" in models


def test_without_a_project_those_shipped_are_listed(project, monkeypatch):
    (project.folder / "ragflow.toml").unlink()
    models = project.ask("models", "models", "list")["models"]
    assert [each["name"] for each in models] == known_models()


def test_a_broken_project_is_told_and_not_passed_over(project):
    (project.folder / "ragflow.toml").write_text("[run", "utf-8")
    [error, _] = project.refused("models", "list")
    assert "ragflow.toml" in error


def test_showing_one_gives_each_fact_with_its_source_or_says_that_there_is_none(project):
    [model] = project.ask("models", "models", "show", "gte-base")["models"]
    assert (model["revision"], model["unchecked"]) == ("", ["revision"])
    lines = {line.split()[0]: line for line in project.type("models", "show", "gte-base").lines[6:]}
    assert lines["revision"].split() == ["revision", "not", "known", "not", "checked"]
    assert lines["pooling"].endswith(model["sources"]["pooling"])
    assert all("https://" in line or "not" in line for line in lines.values())


def test_showing_a_remote_one_names_its_key_and_price(project):
    text = project.type("models", "show", "text-embedding-3-small").out
    assert "env:OPENAI_API_KEY" in text
    assert "0.02 USD for a million tokens" in text


def test_an_unknown_model_names_the_nearest(project):
    [error, hint] = project.refused("models", "show", "bge-small-en")
    assert "'bge-small-en' is not known" in error
    assert "did you mean 'bge-small-en-v1.5'" in hint


def test_a_model_that_is_what_its_spec_says_passes_every_check(project):
    told = found(project, "all-minilm-l6-v2")
    assert {name: right for name, (right, _) in told.items()} == dict.fromkeys(
        ("weights", "digest", "dimension", "pooling", "limit", "tokenizer", "vectors"), True
    )
    assert told["vectors"][1].startswith("384 components of length 1.000")
    assert found(project, "hashing")["vectors"][0]


def test_what_differs_from_the_spec_is_found(project, own):
    own(limit=600, pooling="cls", digest='digest = "sha256:00"')
    told = found(project, "own", code=1)
    assert not any(told[name][0] for name in ("digest", "pooling", "limit", "vectors"))
    assert told["pooling"][1] == "mean, the spec says cls"
    assert told["limit"][1] == "600 of 512 positions"
    lines = project.type("models", "check", "own", code=1).lines
    assert lines[0].split()[:2] == ["weights", "right"]
    assert lines[1].split()[:2] == ["digest", "wrong"]


def test_what_nobody_states_is_no_fault(project, own):
    own()
    right, said = found(project, "own")["digest"]
    assert right is None
    assert load_spec("all-minilm-l6-v2").digest in said


def test_weights_that_are_not_here_are_a_fault_with_the_way_out(project):
    told = found(project, "gte-base", code=1)
    assert list(told) == ["weights"]
    assert "hf download thenlper/gte-base" in told["weights"][1]


def test_an_endpoint_is_asked_only_when_told_to(project, endpoint):
    told = found(project, "far")
    assert told["endpoint"] == (None, f"{endpoint.url} was not asked")
    assert endpoint.asked == []
    assert "--ask" in project.type("models", "check", "far").err
    assert found(project, "far", "--ask")["vectors"][0]
    assert len(endpoint.asked) == 1


def test_an_endpoint_that_refuses_is_a_fault(project, endpoint, monkeypatch):
    monkeypatch.setenv("FAR_KEY", "sk-another")
    right, said = found(project, "far", "--ask", code=1)["vectors"]
    assert not right
    assert "refuses the key in 'env:FAR_KEY'" in said


@pytest.mark.parametrize(("name", "said"), [("far", "computed elsewhere"), ("hashing", "hashing")])
def test_what_has_no_weights_cannot_be_calibrated(project, endpoint, name, said):
    [error, *_] = project.refused("models", "calibrate", name)
    assert said in error
    assert endpoint.asked == []


def test_listing_and_showing_import_no_model_library(project):
    code = (
        "import sys\nfrom ragflow.cli.main import run\n"
        "try:\n    run(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'transformers', 'numpy', 'tokenizers', 'httpx', 'sqlalchemy'}"
        " & sys.modules.keys()), file=sys.stderr)"
    )
    for command in (["list"], ["show", "all-minilm-l6-v2"]):
        done = subprocess.run(
            [sys.executable, "-c", code, "models", *command, "--json"],
            check=True,
            capture_output=True,
            text=True,
            env=dict(os.environ),
        )
        assert json.loads(done.stdout)["models"]
        assert done.stderr == "[]\n"


@pytest.mark.slow
def test_calibrating_tells_what_was_tried_what_is_used_and_where_it_is_kept(
    project, monkeypatch, tmp_path
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "kept"))
    told = project.ask("models-calibrate", "models", "calibrate", "all-minilm-l6-v2")
    assert Path(told["kept_at"]).is_relative_to(tmp_path / "kept")
    assert Path(told["kept_at"]).is_file()
    chosen = {name: told[name] for name in ("engine", "precision", "budget", "threads")}
    assert chosen in [{name: trial[name] for name in chosen} for trial in told["trials"]]
    passed = [trial for trial in told["trials"] if not trial["refused"]]
    assert all(trial["worst"] is None or trial["worst"] >= 0.9998 for trial in passed)
    lines = project.type("models", "calibrate", "all-minilm-l6-v2", "--device", "cpu").lines
    assert lines[0].split()[:4] == ["engine", "precision", "budget", "threads"]
    assert sum(line.endswith("chosen") for line in lines) == 1
    assert told["kept_at"] in lines[-2]
