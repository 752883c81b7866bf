import tarfile
import tracemalloc
from collections.abc import Iterable

import pytest

from ragflow.parsing.containers import limits
from ragflow.parsing.containers.scanning import Scan, scan
from tests.unit.parsing.containers.made import GZIPPED, ZIP, tarred, zipped

TAR = "application/x-tar"


def names(found: Scan) -> list[str]:
    return [each.name for each in found.held]


def headed(*heads: tuple[bytes, bytes], name: str = "x") -> bytes:
    """Return a tar archive of one file, after heads of a kind and what they say."""
    records = []
    for kind, said in (*heads, (tarfile.REGTYPE, b"words")):
        record = tarfile.TarInfo(name)
        record.type, record.size = kind, len(said)
        records += [record.tobuf(tarfile.GNU_FORMAT), said, bytes(-len(said) % 512)]
    return b"".join([*records, bytes(1024)])


def attributes(names: Iterable[str], words: str = "") -> bytes:
    """Return attributes as they stand in a head of a tar archive."""
    lines = []
    for name in names:
        size = len(f"00000 {name}={words}\n")
        lines.append(f"{size:05} {name}={words}\n")
    return "".join(lines).encode()


def test_what_is_said_of_all_entries_is_not_held_beyond_what_is_looked_at():
    heads = ((b"g", attributes(f"{place}_{n}" for n in range(20_000))) for place in range(8))
    data = headed(*heads, (b"g", attributes(["path"], "common.txt")))
    tracemalloc.start()
    found = scan(data, TAR)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (names(found), found.skip) == (["common.txt"], None)
    assert peak < 4 << 20


def test_what_is_said_of_one_entry_is_taken_before_what_is_said_of_all():
    said = ((b"g", attributes(["path"], "all")), (b"x", attributes(["path", "mtime"], "one")))
    assert names(scan(headed(*said), TAR)) == ["one"]
    sparse = (b"g", attributes(["GNU.sparse.major"], "1"))
    assert names(scan(headed(sparse), TAR)) == []


def test_attributes_without_end_end_with_a_reason(monkeypatch):
    monkeypatch.setattr(limits, "MOST_ATTRIBUTES", 10)
    enough = attributes(f"{n}" for n in range(10))
    assert scan(headed((b"x", enough)), TAR).skip is None
    nested = zipped({"a": headed((b"x", enough)), "b": headed((b"g", enough)), "c": b"x"})
    found = scan(nested, ZIP)
    assert names(found) == ["a", "a!/x", "b"]
    assert found.held[2].skip is not None
    assert "more than 10 attributes" in found.held[2].skip[1]


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K", b"5"])
def test_heads_without_end_end_with_a_reason_wherever_they_lie(monkeypatch, kind):
    monkeypatch.setattr(limits, "MOST_LOOKED_AT", 30)
    one = headed(*([(kind, b"")] * 20), name="d/x")
    assert scan(one, TAR).skip is None
    found = scan(zipped({"a": one, "b": one}), ZIP)
    told = [each.skip for each in found.held if each.skip]
    assert [(code, "more than 30 entries" in why) for code, why in told] == [("too_many", True)]


@pytest.mark.parametrize(("records", "skip"), [(5, None), (40, "too_many")])
def test_a_sparse_file_is_passed_over_with_its_map_as_far_as_that_goes(monkeypatch, records, skip):
    monkeypatch.setattr(limits, "MOST_LOOKED_AT", 30)
    sparse = tarfile.TarInfo("s")
    sparse.type = tarfile.GNUTYPE_SPARSE
    record = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    record[482] = 1
    record[148:156] = b"%06o\0 " % (sum(record[:148]) + 8 * 32 + sum(record[156:]))
    sparse_map = b"\1" * 512 * records + bytes(512)
    found = scan(bytes(record) + sparse_map + headed(), TAR)
    assert (found.damaged, found.skip and found.skip[0]) == ([], skip)
    assert names(found) == ([] if skip else ["x"])


def test_an_archive_of_too_many_entries_is_read_as_far_as_it_says(monkeypatch):
    monkeypatch.setattr("ragflow.parsing.containers.tar_archive.MOST_ENTRIES", 3)
    found = scan(tarred({f"{n}": b"" for n in range(5)}), GZIPPED)
    assert names(found) == ["0", "1", "2"]
    assert found.skip is not None
    assert "the others are not read" in found.skip[1]
