"""What is cut off tells nothing of what it held, and is not taken for whole."""

import pytest

from ragflow.documents import digest_of
from ragflow.errors import ParseError
from ragflow.parsing.containers.fetching import fetch
from ragflow.parsing.containers.scanning import DAMAGED, scan
from ragflow.parsing.media_types import HEAD, media_type
from tests.unit.parsing.containers.made import MAIL, ZIP, mailed, stored, zipped

FILES = {"b.txt": b"second", "notes/a.md": b"# First"}


def names(found) -> list[str]:
    return [each.name for each in found.held]


@pytest.mark.parametrize("within", [zipped({"inner.md": b"# Inner"}), zipped({})])
def test_an_archive_that_is_cut_off_is_not_taken_for_one_that_is_stored_in_it(within):
    whole = stored({"one.md": b"# One", "box.zip": within, "two.md": b"# Two" * 50})
    cut = whole[: whole.index(b"two.md")]
    found = scan(cut, media_type(cut[:HEAD], "x"))
    assert (found.held, found.damaged) == ([], [""])
    with pytest.raises(ParseError, match="what it lies in is damaged"):
        fetch(cut, ZIP, "inner.md")


def test_an_archive_that_unpacks_itself_is_read():
    made = b"MZ, a program" + zipped(FILES)
    assert names(scan(made, ZIP)) == sorted(FILES)
    assert fetch(made, ZIP, "b.txt") == {"b.txt": FILES["b.txt"]}


def test_of_a_mail_that_is_cut_off_nothing_is_taken_for_whole_that_is_not():
    files = {f"{n}.txt": bytes([65 + n]) * 300 for n in range(3)}
    whole = mailed("Text.", files)
    assert scan(whole, MAIL).damaged == []
    for length in (0, *range(len("Subject:"), len(whole) - 1 - len("--"))):
        cut = whole[:length]
        found = scan(cut, MAIL)
        assert found.damaged == [""], cut[-40:]
        assert set(names(found)) <= set(files), cut[-40:]
        for each in found.held:
            if each.token.startswith(DAMAGED):
                assert each is found.held[-1]
                with pytest.raises(ParseError, match="damaged in its archive"):
                    fetch(cut, MAIL, each.name)
            else:
                assert each.token == digest_of(files[each.name])
    # What is whole is there, and what it ends in is not.
    held = scan(whole[: whole.index(b"2.txt") - 200], MAIL).held
    assert [(each.name, each.token.startswith(DAMAGED)) for each in held] == [
        ("0.txt", False),
        ("1.txt", True),
    ]


def test_an_archive_tells_of_a_mail_in_it_that_is_cut_off():
    cut = mailed("Text.", {"a.txt": b"1", "b.txt": b"2" * 999})[:-400]
    found = scan(zipped({"m.eml": cut, "x": b"1"}), ZIP)
    assert names(found) == ["m.eml", "m.eml!/a.txt", "m.eml!/b.txt", "x"]
    assert found.damaged == ["m.eml"]
