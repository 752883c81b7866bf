import io
import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from ragflow.documents import digest_of
from ragflow.errors import DocumentError, SkipDocument
from ragflow.incremental.fingerprint import fingerprint_value
from ragflow.sources.files import Files, reading

DESCRIPTORS = Path("/proc/self/fd")


@pytest.fixture
def load(folder, clock):
    """Load one file of the folder."""

    def load_one(key: str, **options):
        return Files(folder, clock=clock, **options).load(key, b"token")

    return load_one


def test_a_file_is_loaded_with_its_bytes_their_name_and_their_kind(write, load):
    write("guides/a.md")
    loaded = load("guides/a.md")
    assert loaded.value.read() == b"guides/a.md"
    assert loaded.value.media_type == "text/markdown"
    assert loaded.metadata == {"media_type": "text/markdown"}
    assert loaded.content == fingerprint_value(loaded.value)
    assert digest_of(b"guides/a.md") in loaded.value.__fingerprint__()
    assert loaded.size == 11


def test_an_empty_file_is_loaded(folder, load):
    (folder / "a.md").touch()
    assert load("a.md").value.read() == b""


def test_the_name_is_no_part_of_what_is_loaded_but_its_suffix_may_be(folder, load):
    for name in ("a.md", "b.md", "c.txt"):
        (folder / name).write_text("same")
    contents = [load(name).content for name in ("a.md", "b.md", "c.txt")]
    assert contents[0] == contents[1] != contents[2]


def test_a_suffix_that_is_read_the_same_is_told_and_changes_nothing(folder, load):
    for name in ("a.txt", "a.rst"):
        (folder / name).write_text("same")
    text, rest = load("a.txt"), load("a.rst")
    assert text.content == rest.content
    assert text.value.media_type == rest.value.media_type == "text/plain"
    assert (text.metadata, rest.metadata) == (
        {"media_type": "text/plain"},
        {"media_type": "text/x-rst"},
    )


def test_every_listed_key_can_be_loaded(write, listed, load):
    names = [b"caf\xe9.md", b"-rf.md", b"a\nb.md", rb"a\xff.md", "é".encode(), b"x/\xff\xfe/y"]
    write(*names)
    assert sorted(load(key).value.read() for key in listed()) == sorted(names)


def test_a_document_once_loaded_stays_what_it_was(write, folder, load):
    write("a.md")
    document = load("a.md").value
    (folder / "a.md").unlink()
    assert document.read() == b"a.md"


@pytest.mark.parametrize("key", ["gone.md", "gone/a.md", "a.md/b", "../a.md", "/etc/passwd", ""])
def test_what_is_not_there_or_never_was_a_key_is_an_os_error(write, load, key):
    write("a.md")
    with pytest.raises(OSError, match=r"gone|a\.md|etc|''"):
        load(key)


def test_an_os_error_keeps_its_kind_and_names_the_key(load):
    with pytest.raises(FileNotFoundError) as raised:
        load("guides/gone.md")
    assert raised.value.filename == "guides/gone.md"


def test_a_file_that_may_not_be_read_is_an_os_error(write, load, monkeypatch):
    write("a.md")
    real = os.open

    def refusing(path, *arguments, **keywords):
        if path == b"a.md":
            raise PermissionError(13, "Permission denied", path)
        return real(path, *arguments, **keywords)

    monkeypatch.setattr(reading.os, "open", refusing)
    with pytest.raises(PermissionError, match=r"a\.md"):
        load("a.md")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_an_os_error(write, folder, load):
    write("a.md")
    (folder / "a.md").chmod(0)
    with pytest.raises(PermissionError):
        load("a.md")


def test_a_file_that_grew_too_large_is_skipped(write, load):
    write("abcd.md")
    assert load("abcd.md", max_bytes=7).size == 7
    with pytest.raises(SkipDocument, match="has 7 bytes, more than max_bytes = 6") as raised:
        load("abcd.md", max_bytes=6)
    assert raised.value.code == "too_large"


@pytest.mark.parametrize("symlinks", ["skip", "files", "follow"])
def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(folder, load, symlinks):
    os.mkfifo(folder / "a.md")
    with pytest.raises(OSError, match=r"Not a regular file: 'a\.md'"):
        load("a.md", symlinks=symlinks)


def test_a_pipe_that_takes_a_files_place_at_the_last_moment_holds_nobody_up(
    write, folder, load, monkeypatch
):
    write("a.md")
    real = os.stat

    def swapping(path, **keywords):
        found = real(path, **keywords)
        if path == b"a.md":
            (folder / "a.md").unlink()
            os.mkfifo(folder / "a.md")
        return found

    monkeypatch.setattr(reading.os, "stat", swapping)
    with pytest.raises(OSError, match="Not a regular file"):
        load("a.md")


@pytest.mark.parametrize("action", ["write", "append", "truncate", "touch", "replace", "delete"])
def test_a_file_that_changes_while_it_is_read_is_read_again(
    folder, load, clock, monkeypatch, action
):
    path = folder / "a.md"
    path.write_text("as it was")
    other = folder.parent / "other"
    other.write_text("replaced")
    actions = {
        "write": lambda: path.write_text("anew"),
        "append": lambda: append(path),
        "truncate": lambda: os.truncate(path, 1),
        "touch": lambda: os.utime(path, (1, 1)),
        "replace": lambda: other.replace(path),
        "delete": path.unlink,
    }
    interrupt(monkeypatch, actions[action], times=1)
    if action == "delete":
        with pytest.raises(FileNotFoundError):
            load("a.md")
    else:
        assert load("a.md").value.read() == path.read_bytes()
    assert clock.slept == [0.05]


def test_a_file_that_changes_every_time_it_is_read_is_given_up(
    write, folder, load, clock, monkeypatch
):
    write("a.md")
    interrupt(monkeypatch, lambda: append(folder / "a.md"), times=100)
    with pytest.raises(DocumentError, match=r"'a\.md' changed each of the 4 times") as raised:
        load("a.md")
    assert raised.value.code == "changing"
    assert clock.slept == pytest.approx([0.05, 0.10, 0.15])


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("more")


def interrupt(monkeypatch, action, *, times: int) -> None:
    """Do something when half of a file is read, the first so many times."""
    left = [times]

    class Interrupted(io.BufferedReader):
        def read(self, size=-1):
            half = super().read(size // 2)
            if left[0]:
                left[0] -= 1
                action()
            return half + super().read(size - len(half))

    def interrupted(descriptor, mode):
        return Interrupted(io.FileIO(descriptor, mode), buffer_size=1)

    monkeypatch.setattr(reading.os, "fdopen", interrupted)


def test_what_is_read_beside_a_writer_is_one_of_the_states_it_wrote(folder):
    path = folder / "a.md"
    states = {bytes([letter]) * 300_000 for letter in b"abcdef"}
    path.write_bytes(b"a" * 300_000)
    over = threading.Event()

    def write_over_and_over():
        while not over.is_set():
            for state in states:
                temporary = folder / "new"
                temporary.write_bytes(state)
                temporary.replace(path)

    writer = threading.Thread(target=write_over_and_over)
    writer.start()
    try:
        source = Files(folder)
        for _ in range(50):
            # Unluckily timed four times over, it says so; what it must not do is mix them.
            with suppress(DocumentError):
                assert source.load("a.md", b"").value.read() in states
    finally:
        over.set()
        writer.join()


def test_several_threads_may_load_at_once(write, folder, clock):
    names = [f"{number}/{number}.md" for number in range(40)]
    write(*names)
    source = Files(folder, clock=clock)
    found: dict[str, bytes] = {}

    def load_all():
        for name in names:
            found[name] = source.load(name, b"").value.read()

    threads = [threading.Thread(target=load_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {name: name.encode() for name in names}


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="the system does not list them")
def test_no_descriptor_stays_open(write, folder, load):
    write("a/b.md")
    os.mkfifo(folder / "a" / "pipe")
    before = len(list(DESCRIPTORS.iterdir()))
    load("a/b.md")
    for key, options in [("a/pipe", {}), ("a/gone", {}), ("a/b.md", {"max_bytes": 1})]:
        with pytest.raises((OSError, DocumentError)):
            load(key, **options)
    assert len(list(DESCRIPTORS.iterdir())) == before
