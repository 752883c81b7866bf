import tomllib

import pytest

from ragflow.cli.init import init_project
from ragflow.config import ProjectConfig, find_project
from ragflow.errors import UsageError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAGFLOW_HOME", raising=False)
    return tmp_path


def test_an_empty_folder_becomes_a_project(folder, capfd):
    init_project()
    made = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert made == {"ragflow.toml", "pipelines/quickstart.py", ".gitignore"}
    assert (folder / ".gitignore").read_text() == ".ragflow/\n"
    assert find_project().root == folder
    assert "ragflow run quickstart" in capfd.readouterr().out


def test_the_file_says_nothing_but_what_holds_without_it(folder, capfd):
    init_project()
    assert find_project().config == ProjectConfig()
    text = (folder / "ragflow.toml").read_text()
    stated = "\n".join(line.removeprefix("# ") for line in text.splitlines()[3:])
    assert set(tomllib.loads(stated)) <= set(ProjectConfig.__struct_fields__)


def test_a_project_is_not_begun_twice(folder, capfd):
    init_project()
    with pytest.raises(UsageError, match="is a project already"):
        init_project()


def test_nothing_is_overwritten_and_nothing_is_made_beside_it(folder):
    (folder / "pipelines").mkdir()
    mine = folder / "pipelines" / "quickstart.py"
    mine.write_text("mine")
    with pytest.raises(UsageError, match=r"pipelines/quickstart\.py would be overwritten"):
        init_project()
    assert mine.read_text() == "mine"
    assert not (folder / "ragflow.toml").exists()


def test_a_gitignore_that_is_there_is_left_alone(folder, capfd):
    (folder / ".gitignore").write_text("*.pyc\n")
    init_project()
    assert (folder / ".gitignore").read_text() == "*.pyc\n"
    assert "note: .gitignore is left as it is; .ragflow/ belongs into it" in capfd.readouterr().err


def test_a_gitignore_that_names_the_home_needs_no_word(folder, capfd):
    (folder / ".gitignore").write_text("*.pyc\n.ragflow/\n")
    init_project()
    assert capfd.readouterr().err == ""


def test_a_folder_that_cannot_be_written_is_an_error(folder):
    (folder / "pipelines").write_text("a file in the way")
    with pytest.raises(UsageError, match="cannot be made"):
        init_project()
