"""The project is found as git finds its own, and what ragflow.toml says is checked."""

import os
from pathlib import Path

import pytest

from ragflow.config import (
    ProjectConfig,
    find_project,
    limits_of,
    quiet_libraries,
    stay_offline,
)
from ragflow.core.rates import Rate
from ragflow.cores import usable_cores
from ragflow.errors import UsageError


@pytest.fixture(autouse=True)
def _no_home(monkeypatch):
    monkeypatch.delenv("RAGFLOW_HOME", raising=False)


def test_the_project_is_found_from_any_folder_below_it(tmp_path: Path):
    (tmp_path / "ragflow.toml").touch()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    project = find_project(below)
    assert project.root == tmp_path
    assert project.home == tmp_path / ".ragflow"
    (tmp_path / "a" / "ragflow.toml").touch()
    assert find_project(below).root == tmp_path / "a"


def test_the_working_directory_is_where_the_search_starts(tmp_path: Path, monkeypatch):
    (tmp_path / "ragflow.toml").touch()
    monkeypatch.chdir(tmp_path)
    assert find_project().root == tmp_path


def test_without_a_file_it_is_said_how_to_make_one(tmp_path: Path):
    with pytest.raises(UsageError, match=r"there is no ragflow\.toml in") as raised:
        find_project(tmp_path)
    assert "ragflow init" in raised.value.hint
    assert "RAGFLOW_HOME" in raised.value.hint


def test_a_stated_home_needs_no_file(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("RAGFLOW_HOME", str(tmp_path / "elsewhere"))
    project = find_project(tmp_path)
    assert (project.root, project.home) == (tmp_path, tmp_path / "elsewhere")
    (tmp_path / "ragflow.toml").write_text("[run]\nworkers = 3\n")
    project = find_project(tmp_path)
    assert (project.home, project.config.run.workers) == (tmp_path / "elsewhere", 3)
    monkeypatch.setenv("RAGFLOW_HOME", "relative")
    monkeypatch.chdir(tmp_path)
    assert find_project().home == tmp_path / "relative"


def test_what_the_file_says_is_read(tmp_path: Path):
    (tmp_path / "ragflow.toml").write_text(
        'pipelines = "flows"\nmodels = "specs"\n[metadata]\nplugin = "sqlite"\n'
        '[vectors]\nplugin = "memory"\n[parameters.quickstart]\nfolder = "papers"\nsize = 3\n'
    )
    config = find_project(tmp_path).config
    assert (config.pipelines, config.models) == ("flows", "specs")
    assert config.vectors.plugin == "memory"
    assert config.parameters == {"quickstart": {"folder": "papers", "size": 3}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pipelines = ", "Invalid value"),
        ("pipelines = 5", "Expected `str`, got `int`"),
        ("pipeline = 'x'", "unknown field `pipeline`"),
        ("[run]\nworkers = -1", "Expected `int` >= 0"),
        ("[vectors]\nname = 'chroma'", "unknown field `name`|missing required field `plugin`"),
        ("parameters = 5", "Expected `object`, got `int`"),
        ("[pools]\nllm = 0", "Expected `int` >= 1"),
        ("[pools]\ncpu = 2", "a pool cannot be called 'cpu'"),
        ("[rates]\nllm = '60 a minute'", "'60 a minute' is no rate"),
        ("[rates]\n'a/b' = '60/min'", "a rate cannot be called 'a/b'"),
        ("[limits]\nmemory = 'much'", "'much' is no size"),
        ("[limits]\ncpu = 0", "Expected `float` > 0.0"),
        ("[limits]\ndisk = 1", "unknown field `disk`"),
    ],
)
def test_a_file_that_cannot_be_understood_is_named(tmp_path: Path, text: str, said: str):
    (tmp_path / "ragflow.toml").write_text(text)
    with pytest.raises(UsageError, match=said) as raised:
        find_project(tmp_path)
    assert str(tmp_path / "ragflow.toml") in str(raised.value)


def test_pools_rates_and_limits_are_read(tmp_path: Path):
    (tmp_path / "ragflow.toml").write_text(
        '[pools]\nllm = 4\n[rates]\nllm = "60/min"\n[limits]\ncpu = 1.5\nmemory = "2 GB"\ngpu = 0\n'
    )
    config = find_project(tmp_path).config
    assert config.read_rates() == {"llm": Rate(1.0, 1.0)}
    assert limits_of(config) == {"cpu": 1.5, "memory": 2 * 10**9, "gpu": 0, "llm": 4}


def test_what_the_file_leaves_out_is_what_the_machine_has(tmp_path: Path):
    limits = limits_of(ProjectConfig())
    assert limits["cpu"] == usable_cores()
    assert limits["gpu"] == 1
    assert limits.get("memory", 10**9) > 10**8
    (tmp_path / "ragflow.toml").write_text("[run]\nworkers = 50\n")
    assert limits_of(find_project(tmp_path).config)["cpu"] == 50


def test_a_file_that_is_no_text_is_named(tmp_path: Path):
    (tmp_path / "ragflow.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"ragflow\.toml"):
        find_project(tmp_path)


def test_libraries_are_told_to_be_quiet_and_commands_stay_offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    for name in ("ANONYMIZED_TELEMETRY", "DO_NOT_TRACK", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    quiet_libraries()
    assert "TRANSFORMERS_OFFLINE" not in os.environ
    stay_offline()
    assert os.environ["ANONYMIZED_TELEMETRY"] == "False"
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert os.environ["TRANSFORMERS_OFFLINE"] == "1"
    assert os.environ["HF_HUB_OFFLINE"] == "0"
