"""Whatever becomes of archives, and wherever a run ends, a refresh equals a clean build."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragflow.scheduling import policies
from ragflow.stores.metadata.ledger import SqliteLedger
from tests.acceptance.projects import forget_imports, imports_undone, rows_in_memory
from tests.acceptance.shelves import HOURS, KEYS, LOSS, OTHER, Shelf, changes, first_shelf
from tests.unit.parsing.containers.made import mailed, tarred, zipped


@pytest.fixture(autouse=True)
def _here() -> Iterator[None]:
    with imports_undone(), rows_in_memory():
        yield


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return first_shelf(tmp_path.resolve() / "project")


class Crash(BaseException):
    """The end of the process, as far as a test can play it."""


@pytest.mark.parametrize("commits", range(6))
def test_a_run_cut_off_anywhere_leads_to_what_a_clean_build_gives(shelf, monkeypatch, commits):
    shelf.run()
    shelf.put(
        bundle__zip=zipped({"notes/x.md": OTHER, "new.md": LOSS + KEYS}),
        mail__eml=mailed("Another.", {"b.txt": HOURS + LOSS}),
    )
    committing = SqliteLedger.commit
    left = [commits]

    def crashing(*given: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Crash
        committing(*given)

    with monkeypatch.context() as patch:
        patch.setattr(policies, "PORTION", 1)
        patch.setattr(SqliteLedger, "commit", crashing)
        with pytest.raises(Crash):
            shelf.run()
    shelf.run()
    assert shelf.rows() == shelf.clean()


names = st.sampled_from(["a.zip", "b.tgz", "c.eml", "d.md"])
inside = st.dictionaries(
    st.sampled_from(["x.md", "n/y.txt", "z.md", "in.zip"]),
    st.sampled_from([KEYS, LOSS, HOURS, OTHER, b"\0\1"]),
    max_size=3,
)
edits = st.one_of(
    st.tuples(st.just("write"), names, inside),
    st.tuples(st.just("delete"), names),
    st.tuples(st.just("copy"), names, names),
    st.tuples(st.just("swap"), names, names),
)


def packed(name: str, files: Mapping[str, bytes]) -> bytes:
    files = {
        each: zipped({"deep.md": data, "too.txt": HOURS}) if each == "in.zip" else data
        for each, data in files.items()
    }
    match name.rpartition(".")[2]:
        case "zip":
            return zipped(files)
        case "tgz":
            return tarred(files or {"x.md": HOURS})  # one of nothing is known by its name alone
        case "eml":
            return mailed("Text.", {each.replace("/", "-"): data for each, data in files.items()})
    return b"\n".join(files.values())


def perform(docs: Path, edit: tuple[Any, ...]) -> None:
    kind, name, *rest = edit
    place = docs / name
    if kind == "write":
        place.write_bytes(packed(name, rest[0]))
    elif place.is_file() and kind == "delete":
        place.unlink()
    elif place.is_file() and rest and rest[0] != name:
        other = docs / rest[0]
        aside = other.read_bytes() if other.is_file() and kind == "swap" else None
        shutil.copyfile(place, other)
        if aside is not None:
            place.write_bytes(aside)


steps = st.lists(st.lists(edits, min_size=1, max_size=3), min_size=2, max_size=5)


def check_history(steps: list[list[tuple[Any, ...]]]) -> None:
    with TemporaryDirectory() as folder:
        shelf = Shelf(Path(folder).resolve() / "kept")
        for step in steps:
            for edit in step:
                perform(shelf.docs, edit)
            plan, run = shelf.plan(), shelf.run()
            assert plan["documents"] == run.documents
            assert shelf.rows() == shelf.clean()
            assert changes(shelf.run()).keys() <= {"unchanged", "skipped"}
        forget_imports(shelf.root)


@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps)
def test_every_refresh_of_archives_equals_a_clean_build(steps):
    check_history(steps)


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps)
def test_every_refresh_of_many_archives_equals_a_clean_build(steps):
    check_history(steps)
