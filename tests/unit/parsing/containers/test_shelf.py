import pytest

from ragflow.errors import ParseError
from ragflow.parsing.containers import shelf as shelves
from ragflow.parsing.containers.shelf import Shelf
from tests.unit.parsing.containers.made import injured, stored, tarred, zipped

FILES = {f"{number}.txt": bytes([number]) * 1000 for number in range(20)}


class Files:
    """Outermost documents by key, and how often each was read."""

    def __init__(self, **files: bytes) -> None:
        self.files = files
        self.read: list[str] = []

    def __call__(self, key: str) -> bytes:
        self.read.append(key)
        return self.files[key]


def anything(data: bytes) -> bool:
    return True


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_is_read_once_for_many_of_its_documents(pack):
    files = Files(a=pack(FILES))
    shelf = Shelf(files)
    for name in sorted(FILES):
        assert shelf.take(f"a!/{name}", anything) == FILES[name]
    assert files.read == ["a"]


def test_no_more_is_held_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(shelves, "ROOM", 5000)
    files = Files(a=tarred(FILES))
    shelf = Shelf(files)
    for name in sorted(FILES):
        assert shelf.take(f"a!/{name}", anything) == FILES[name]
    assert len(files.read) == 4
    assert sum(map(len, shelf._held["a"].values())) <= 5000


def test_what_lies_deeper_is_taken_out_of_what_is_held():
    inner = zipped(FILES)
    files = Files(a=zipped({"b.zip": inner, "c.txt": b"c"}))
    shelf = Shelf(files)
    assert shelf.take("a!/b.zip", anything) == inner
    for name in sorted(FILES):
        assert shelf.take(f"a!/b.zip!/{name}", anything) == FILES[name]
    assert shelf.take("a!/c.txt", anything) == b"c"
    assert len(files.read) <= 3


def test_what_is_held_is_not_taken_for_what_is_there_by_now():
    files = Files(a=zipped({"1": b"one", "2": b"two"}))
    shelf = Shelf(files)
    shelf.take("a!/1", anything)
    files.files["a"] = zipped({"1": b"one", "2": b"other"})
    assert shelf.take("a!/2", lambda data: data == b"other") == b"other"
    assert shelf.take("a!/2", lambda data: data == b"two") is None
    assert shelf.take("a!/3", anything) is None


def test_what_is_damaged_says_so_and_what_is_none_has_nothing():
    files = Files(a=injured(stored({"1": b"to be hurt", "2": b"two"}), b"be hurt"), b=b"a text")
    shelf = Shelf(files)
    with pytest.raises(ParseError, match="damaged"):
        shelf.take("a!/1", anything)
    assert shelf.take("a!/2", anything) == b"two"
    assert shelf.take("b!/1", anything) is None
