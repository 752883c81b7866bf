import os
import shutil
import socket
import sys
from pathlib import Path

import pytest

from ragflow.errors import ParameterError, SourceError
from ragflow.sources.files import Files, walking
from tests.unit.sources.files.conftest import SECOND, each


def test_a_file_is_listed_with_its_size_and_nothing_else(write, listed):
    write("guides/a.md")
    (one,) = listed().values()
    assert (one.key, one.size, one.metadata, one.skip) == ("guides/a.md", 11, {}, None)


def test_an_empty_folder_is_an_empty_listing(listed):
    assert listed() == {}


def test_pages_hold_at_most_a_thousand(folder, clock):
    (folder / "0000.md").touch()
    for number in range(1, 2001):
        (folder / f"{number:04}.md").hardlink_to(folder / "0000.md")
    pages = list(Files(folder, clock=clock).list())
    assert [len(page) for page in pages] == [1000, 1000, 1]


def test_names_of_any_kind_are_listed(write, listed):
    write(
        b"caf\xe9.md", "-rf.md", "a\nb.md", "\"q'.md", "日本語.md", r"a\b.md", " .md", "a/ b/c.md"
    )
    assert set(listed()) == {
        r"caf\xe9.md",
        "-rf.md",
        "a\nb.md",
        "\"q'.md",
        "日本語.md",
        r"a\\b.md",
        " .md",
        "a/ b/c.md",
    }


def test_names_that_differ_in_how_an_accent_is_composed_are_two_files(write, listed):
    write("é.md", "e\u0301.md")
    assert list(listed()) == ["e\u0301.md", "é.md"]


def test_a_file_left_alone_keeps_its_token_and_a_changed_one_does_not(write, listed, folder):
    write("a.md", "b.md")
    before = listed()
    (folder / "b.md").write_text("changed")
    after = listed()
    assert after["a.md"].token == before["a.md"].token
    assert after["b.md"].token != before["b.md"].token


def test_a_file_put_in_the_place_of_another_with_its_times_has_another_token(write, listed, folder):
    write("a.md", "b.md")
    before = listed()["a.md"]
    times = (folder / "a.md").stat()
    (folder / "b.md").replace(folder / "a.md")
    os.utime(folder / "a.md", ns=(times.st_atime_ns, times.st_mtime_ns))
    after = listed()["a.md"]
    assert after.size == before.size
    assert after.token != before.token


def test_a_file_listed_in_the_instant_it_was_written_is_read_again_by_the_next_run(
    write, listed, folder, clock
):
    write("a.md")
    clock.instant = (folder / "a.md").stat().st_ctime_ns + SECOND // 100
    first = listed()["a.md"].token
    clock.instant += 3600 * SECOND
    second = listed()["a.md"].token
    assert first != second
    assert listed()["a.md"].token == second


def test_when_a_file_was_modified_is_listed_on_request_only(write, listed, folder):
    write("a.md")
    os.utime(folder / "a.md", (0, 1_700_000_000))
    with_times = listed(times=True)["a.md"]
    assert with_times.metadata == {"modified": "2023-11-14T22:13:20Z"}
    assert listed()["a.md"].metadata == {}
    assert listed()["a.md"].token != with_times.token


def test_a_file_over_the_limit_is_listed_with_the_reason_and_comes_in_when_it_is_raised(
    write, listed
):
    write("abc.md", "abcd.md")
    found = listed(max_bytes=6)
    assert found["abc.md"].skip is None
    assert found["abcd.md"].skip == ("too_large", "has 7 bytes, more than max_bytes = 6")
    assert listed()["abcd.md"].token != found["abcd.md"].token


def test_hidden_files_and_folders_are_left_out_unless_asked_for(write, listed):
    write(".a.md", ".b/c.md", "d/.e.md", "f.md")
    assert set(listed()) == {"f.md"}
    assert set(listed(hidden=True)) == {".a.md", ".b/c.md", "d/.e.md", "f.md"}


def test_a_hidden_folder_may_itself_be_the_source(tmp_path, clock):
    (tmp_path / ".notes").mkdir()
    (tmp_path / ".notes" / "a.md").touch()
    assert [one.key for one in each(Files(tmp_path / ".notes", clock=clock).list())] == ["a.md"]


def test_what_holds_no_documents_is_left_out_at_any_depth(write, listed):
    write("a/.git/config", "a/.venv/x.md", "a/node_modules/p/README.md", "a/__pycache__/x.pyc")
    write(".ragflow/state.db", "~$open.docx", "Thumbs.db", "a/desktop.ini", "a/b.md", "b/.git")
    assert set(listed(hidden=True)) == {"a/b.md"}


def test_a_virtual_environment_is_left_out_whatever_its_name(write, listed, tmp_path):
    write("tools/pyvenv.cfg", "tools/lib/README.md", "a.md")
    assert set(listed()) == {"a.md"}


def test_paths_to_leave_out_are_left_out(write, listed, folder, monkeypatch):
    write("state/a.md", "statements/b.md", "c.md", "d/state/e.md", "d/f.md")
    monkeypatch.chdir(folder.parent)
    leave_out = [folder / "state", Path("documents/d/f.md"), folder.parent / "elsewhere"]
    assert set(listed(leave_out=leave_out)) == {"statements/b.md", "c.md", "d/state/e.md"}


def test_a_path_to_leave_out_may_be_named_through_a_link(write, listed, folder, tmp_path):
    write("state/a.md", "b.md")
    (tmp_path / "link").symlink_to(folder)
    assert set(listed(leave_out=[tmp_path / "link" / "state"])) == {"b.md"}


def test_what_is_no_regular_file_is_left_out(write, listed, folder, monkeypatch):
    write("a.md")
    os.mkfifo(folder / "pipe.md")
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.md")
        assert set(listed()) == {"a.md"}


#: What the audit hook has seen while it was told to listen. Hooks cannot be taken away.
opened: list[str] | None = None


def note_opening(event: str, arguments: tuple) -> None:
    if opened is not None and event == "open":
        opened.append(str(arguments[0]))


def test_listing_20_000_files_opens_none(folder, clock):
    global opened  # noqa: PLW0603 - a hook takes no state along
    (folder / "one").touch()
    for number in range(100):
        (folder / f"{number:02}").mkdir()
        for page in range(200):
            # Names of one file: a busy disk takes half a minute to make 20,000.
            os.link(folder / "one", folder / f"{number:02}" / f"{page}.md")
    sys.addaudithook(note_opening)
    source = Files(folder, include=["*.md"], times=True, clock=clock)
    opened = []
    try:
        count = sum(len(page) for page in source.list())
        assert opened == []
        (folder / "00" / "0.md").read_bytes()
        assert len(opened) == 1, "the hook does not listen"
    finally:
        opened = None
    assert count == 20_000


def test_folders_may_be_nested_deeper_than_calls(write, listed):
    deep = "d/" * 400 + "a.md"
    write(deep)
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    try:
        assert list(listed()) == [deep]
    finally:
        sys.setrecursionlimit(usual)


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="nowhere' is not there") as raised:
        list(Files(tmp_path / "nowhere").list())
    assert raised.value.hint


def test_a_file_is_no_folder(write, folder):
    write("a.md")
    with pytest.raises(SourceError, match=r"a\.md' is not a folder") as raised:
        list(Files(folder / "a.md").list())
    assert raised.value.hint
    with pytest.raises(SourceError, match="is not there"):
        list(Files(folder / "a.md" / "b").list())


def refuse(monkeypatch, function: str, path: Path) -> None:
    """Make a function of `os` say about this path what it says to who may not read it."""
    real = getattr(os, function)

    def refusing(asked, *arguments, **keywords):
        if os.fsencode(asked).rstrip(b"/") == os.fsencode(path):
            raise PermissionError(13, "Permission denied", asked)
        return real(asked, *arguments, **keywords)

    monkeypatch.setattr(walking.os, function, refusing)


@pytest.mark.parametrize("function", ["scandir", "lstat"])
def test_what_cannot_be_looked_at_ends_the_listing_and_says_how_to_leave_it_out(
    write, listed, folder, monkeypatch, function
):
    write("a.md", "private/b", "z.md")
    path = {"scandir": "private", "lstat": "private/b"}[function]
    refuse(monkeypatch, function, folder / path)
    with pytest.raises(SourceError, match=f"{path}' cannot be listed: Permission denied") as raised:
        listed()
    assert f'exclude = ["/{path}' in raised.value.hint
    assert set(listed(exclude=["/private/"])) == {"a.md", "z.md"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("mode", [0o000, 0o400])
def test_a_folder_without_permission_ends_the_listing(write, listed, folder, mode):
    write("a.md", "private/b.md")
    (folder / "private").chmod(mode)
    try:
        with pytest.raises(SourceError, match="private"):
            listed()
        assert set(listed(exclude=["private/"])) == {"a.md"}
    finally:
        (folder / "private").chmod(0o700)


def test_an_ignore_file_that_cannot_be_read_ends_the_listing(write, listed, folder):
    write("a.md")
    os.mkfifo(folder / ".ragflowignore")
    with pytest.raises(SourceError, match=r"\.ragflowignore', which says what to ignore"):
        listed()


def during(monkeypatch, name: bytes, action) -> None:
    """Do something in the instant after this folder's names were read."""
    real = walking.Walk._names

    def names(walk, path):
        found = real(walk, path)
        if path == name:
            action()
        return found

    monkeypatch.setattr(walking.Walk, "_names", names)


def test_what_vanishes_while_listed_is_not_listed(write, listed, folder, monkeypatch):
    write("a.md", "b.md", "gone/c.md")

    def vanish():
        (folder / "b.md").unlink()
        shutil.rmtree(folder / "gone")

    during(monkeypatch, b"", vanish)
    assert set(listed()) == {"a.md"}


def test_a_folder_replaced_by_a_file_while_listed_holds_nothing(write, listed, folder, monkeypatch):
    write("a.md", "b/c.md")

    def replace():
        shutil.rmtree(folder / "b")
        (folder / "b").touch()

    during(monkeypatch, b"", replace)
    assert set(listed()) == {"a.md"}


@pytest.mark.parametrize("back", [False, True])
def test_a_listing_whose_folder_went_away_is_not_complete(write, listed, folder, monkeypatch, back):
    write("a.md", "b/c.md")

    def vanish():
        folder.rename(folder.parent / "elsewhere")
        if back:
            folder.mkdir()

    during(monkeypatch, b"", vanish)
    with pytest.raises(SourceError, match="was replaced" if back else "is not there"):
        listed()


def test_the_locator_is_the_folder_and_nothing_else(folder, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    ways = [
        Files(folder),
        Files(Path("documents"), include=["*.md"], hidden=True),
        Files(tmp_path / "link" / ".." / "documents"),
    ]
    monkeypatch.chdir("/")
    assert [way.locator() for way in ways] == [{"folder": str(folder)}] * 3
    # A link may be turned to a newer release and stay the same source.
    assert Files(tmp_path / "link").locator() == {"folder": str(tmp_path / "link")}


def test_a_folder_of_the_project_is_located_from_there(folder, tmp_path):
    assert Files.located(tmp_path, folder="documents").locator() == {"folder": "documents"}
    assert Files.located(tmp_path / "other", folder=str(folder)).locator() == {
        "folder": str(folder)
    }


def test_the_locator_spells_bytes_as_keys_do(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    assert Files(folder).locator() == {"folder": f"{tmp_path}/caf\\xe9"}
    assert repr(Files(folder)) == f"Files({f'{tmp_path}/caf{chr(92)}xe9'!r})"


def test_an_unknown_policy_for_links_is_refused(folder):
    with pytest.raises(ParameterError, match="symlinks cannot be 'all'"):
        Files(folder, symlinks="all")
