"""What the README shows is what happens."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from ragflow import Pipeline
from ragflow.parsing.reasons import Reason
from tests.acceptance.shell import Shell

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
#: The pipeline that the README shows first.
FIRST = next(block for block in BLOCKS if "@pipeline" in block)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the samples as its documents."""
    (tmp_path / "ragflow.toml").touch()
    shutil.copytree(ROOT / "tests" / "samples", tmp_path / "docs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_pipeline_of_the_readme_runs_and_answers(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = project / "pipelines" / "handbook.py"
    place.parent.mkdir()
    place.write_text(FIRST, encoding="utf-8")
    names: dict[str, Any] = {"__name__": "handbook"}
    for block in BLOCKS:
        exec(compile(block, str(place), "exec"), names)
    assert isinstance(names["handbook"], Pipeline)
    assert "keys.md" in capsys.readouterr().out


def test_work_without_documents_is_done_as_the_readme_says(project: Path) -> None:
    block = next(block for block in BLOCKS if "def laboratory" in block)
    (project / "pipelines").mkdir()
    (project / "pipelines" / "laboratory.py").write_text(block, encoding="utf-8")
    shell = Shell(project)
    assert shell.ask("run", "run", "laboratory")["documents"]["added"] == 30
    summary = shell.ask("run", "run", "laboratory", "-p", "days=31")
    assert summary["documents"]["unchanged"] == 30
    assert summary["tasks"]["calibrate"]["ran"] == 0  # it read what it was given before
    assert summary["tasks"]["tell"]["ran"] == 1
    assert summary["tasks"]["alarm"]["ran"] == 0


def test_the_pipeline_of_the_readme_is_short() -> None:
    code = [line for line in FIRST.splitlines() if line.strip()]
    assert len(code) <= 15


def test_every_reason_to_leave_a_document_out_is_explained() -> None:
    for reason in Reason:
        assert f"`{reason.value}`" in README
