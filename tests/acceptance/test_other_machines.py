"""An index is the same wherever it is built: no time, place, language or order of a machine."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.projects import rows_of
from tests.acceptance.watched import Watched

#: Documents of every kind that are not hostile; pages that are images only among the last.
CORPORA = ("docling-testdata", "unstructured-docs", "pypdf-samples")
SCANS = ("ocr-groundtruth",)


def built(place: Path, corpora: list[Path], *, parameters: str, **environment: str) -> Any:
    watched = Watched(place / "machine", parameters=parameters)
    folder = place / "machine" / "project" / "docs"
    for corpus in corpora:
        shutil.copytree(corpus, folder / corpus.name)
    # As another machine lists them: made in another order, at another time.
    for path in folder.rglob("*"):
        os.utime(path, (len(place.parts), len(str(path))))
    summary = watched.run(Path("docs"), **environment)
    stood = {
        key: (each["state"], each["reason"], each["message"])
        for key, each in watched.documents().items()
    }
    return summary["documents"], stood, rows_of(watched.project, "reading")


@pytest.mark.slow
@pytest.mark.parametrize(("names", "parameters"), [(CORPORA, ", ocr=False"), (SCANS, "")])
def test_an_index_is_the_same_on_another_machine(shared, tmp_path, names, parameters):
    corpora = [shared / "corpora" / name for name in names]
    here = built(
        tmp_path / "here", corpora, parameters=parameters, TZ="UTC", LC_ALL="C", PYTHONHASHSEED="1"
    )
    there = built(
        tmp_path / "there" / "on" / "another disk",
        corpora,
        parameters=parameters,
        TZ="Asia/Tokyo",
        LC_ALL="C.UTF-8",
        LANG="de_DE.UTF-8",
        PYTHONHASHSEED="2",
        PYTHONUTF8="0",
    )
    assert here == there
    _, stood, rows = here
    assert len(rows) > 20
    assert any(state == "succeeded" for state, _, _ in stood.values())
    for _, text, payload, _ in rows:
        assert str(tmp_path) not in f"{text}{payload}"
