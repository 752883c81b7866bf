import random

import pytest

from ragflow.parsing.containers import fetching, limits
from ragflow.parsing.containers.fetching import fetch
from ragflow.parsing.containers.names import Names
from tests.unit.parsing.containers.made import ZIP, stored, tarred, zipped

TAR = "application/x-tar"
MANY = {f"{n:04}.txt": b"%04d" % n * 25 for n in range(2_000)}


def in_disorder(names: list[str]) -> list[str]:
    return random.Random(1).sample(names, len(names))


@pytest.mark.parametrize("order", [sorted, lambda names: sorted(names, reverse=True), in_disorder])
def test_what_follows_is_held_whatever_the_order_and_at_little_cost(monkeypatch, order):
    compared = 0

    class Name(str):
        __slots__ = ()

        def __lt__(self, other: str) -> bool:
            nonlocal compared
            compared += 1
            return str.__lt__(self, other)

        def __gt__(self, other: str) -> bool:
            nonlocal compared
            compared += 1
            return str.__gt__(self, other)

        __hash__ = str.__hash__

    given = Names.give
    monkeypatch.setattr(Names, "give", lambda self, stated: Name(given(self, stated)))
    data = stored({name: MANY[name] for name in order(list(MANY))})
    found = fetch(data, ZIP, "0010.txt", room=50_000)
    assert sorted(found) == sorted(MANY)[10:511]
    assert all(found[name] == MANY[name] for name in found)
    assert compared < len(MANY) * 20


def test_what_will_not_be_held_is_not_read(monkeypatch):
    spent = 0
    plain = limits.Allowance.spend

    def spend(self: limits.Allowance, number: int) -> None:
        nonlocal spent
        spent += number
        plain(self, number)

    monkeypatch.setattr(limits.Allowance, "spend", spend)
    assert len(fetch(zipped(MANY), ZIP, "0000.txt", room=1_000)) == 11
    assert spent == 1_100


def test_no_more_documents_are_held_than_are_found_in_a_file(monkeypatch):
    monkeypatch.setattr(fetching, "MOST_MEMBERS", 3)
    files = {f"{n}.txt": b"" for n in range(9)}
    for data, kind in (
        (zipped(files), ZIP),
        (tarred(dict(reversed(files.items())), mode="w:"), TAR),
    ):
        assert sorted(fetch(data, kind, "2.txt", room=10)) == [f"{n}.txt" for n in (2, 3, 4, 5)]
