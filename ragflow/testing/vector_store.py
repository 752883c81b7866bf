"""What must every vector store do?

Subclass `VectorStoreSuite`, give it a fixture `store` that returns an empty store, and run
pytest.
"""

import math
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ragflow.errors import BusyError, NotFoundError, UsageError
from ragflow.interfaces.ingestion import StoredRow, VectorStore
from ragflow.testing.vector_inspection import Inspection
from ragflow.testing.vector_rows import CONDITIONS, NO_CONDITIONS, PAYLOADS, half, row, unit

PLACE = "handbook-1"
DIMENSION = 4


class _Fixtures:
    @pytest.fixture
    def store(self) -> Iterator[VectorStore]:
        """Give an empty store; a suite for a store overrides it."""
        raise NotImplementedError

    @pytest.fixture
    def place(self, store: VectorStore) -> str:
        """Give a place that is there, for vectors of four components."""
        store.create(PLACE, dimension=DIMENSION, label="handbook")
        return PLACE

    @pytest.fixture
    def fruits(self, store: VectorStore, place: str) -> str:
        """Give a place with the rows that `CONDITIONS` is about."""
        odd = {"row": "x", "#document": "y", ".row": "z", "": "w", "only": "here"}
        tags = [["red", "round"], ["red"], ["green"]]
        store.apply(
            place,
            [
                row("a", name="apple", n=1, tags=tags[0], sizes=[1, 2.5], flags=[True]),
                row("b", name="beet", n=2, tags=tags[1], mixed=["a", 1], nested={"a": "a"}),
                row("c", name="kiwi", n=2.5, tags=tags[2], nothing=None, nested=[["a"]]),
                row("d", name="d", n=True, sizes=[], flags=[False]),
                row("e", name="e", n="1", **odd),
            ],
            [],
        )
        return place


class _Places(_Fixtures):
    """Places come, are listed, and go."""

    def test_a_place_is_made_once_and_keeps_its_rows(self, store: VectorStore, place: str) -> None:
        store.apply(place, [row("a")], [])
        store.create(place, dimension=DIMENSION, label="another label")
        assert store.count(place) == 1
        assert store.places() == [place]

    def test_a_place_refuses_another_dimension_and_names_both(
        self, store: VectorStore, place: str
    ) -> None:
        with pytest.raises(UsageError, match="4 components, not 5"):
            store.create(place, dimension=5, label="handbook")

    @pytest.mark.parametrize("label", ["", "Händbuch ☃ \U0001f600", "nul\0", "\ud800", "x" * 5000])
    def test_a_label_may_be_any_text(self, store: VectorStore, label: str) -> None:
        store.create(PLACE, dimension=DIMENSION, label=label)
        assert store.places() == [PLACE]

    def test_places_are_sorted(self, store: VectorStore) -> None:
        for place in ("bbb", "aaa", "c.c_c-c", "000"):
            store.create(place, dimension=2, label="")
        assert store.places() == ["000", "aaa", "bbb", "c.c_c-c"]

    @pytest.mark.parametrize("place", ["", "ab", "Abc", "a b", "é-é", "-abc", "abc_", "a..b"])
    def test_a_name_that_some_database_refuses_is_refused_by_all(
        self, store: VectorStore, place: str
    ) -> None:
        with pytest.raises(UsageError, match="name of a place"):
            store.create(place, dimension=2, label="")

    def test_a_place_that_is_not_there_is_named(self, store: VectorStore) -> None:
        for ask in (
            lambda: store.count("nowhere"),
            lambda: store.rows("nowhere"),
            lambda: store.get("nowhere", ["a"]),
            lambda: store.query("nowhere", [1, 0, 0, 0], k=1, where=None),
            lambda: store.apply("nowhere", [row("a")], []),
        ):
            with pytest.raises(NotFoundError, match="nowhere"):
                ask()

    def test_a_dropped_place_is_gone_and_leaves_nothing_to_its_successor(
        self, store: VectorStore, fruits: str
    ) -> None:
        store.create("other", dimension=2, label="")
        store.drop(fruits)
        store.drop(fruits)
        assert store.places() == ["other"]
        store.create(fruits, dimension=DIMENSION, label="")
        store.apply(fruits, [row(name) for name in "abcde"], [])
        assert not store.query(fruits, [1, 0, 0, 0], k=9, where={"tags": "red"})
        assert len(store.query(fruits, [1, 0, 0, 0], k=9, where={"tags": {"$ne": "red"}})) == 5

    def test_places_may_differ_in_dimension_and_share_ids(
        self, store: VectorStore, place: str
    ) -> None:
        store.create("small", dimension=2, label="")
        store.apply(place, [row("a", text="four")], [])
        store.apply("small", [row("a", half(1, 0), text="two")], [])
        assert [each.text for each in store.rows(place)] == ["four"]
        assert [each.text for each in store.rows("small")] == ["two"]

    def test_a_store_may_be_closed_twice(self, store: VectorStore, place: str) -> None:
        store.close()
        store.close()


class _Rows(_Fixtures):
    """Rows are kept exactly, replaced whole, and gone once deleted."""

    @pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
    def test_a_payload_comes_back_as_given(
        self, store: VectorStore, place: str, payload: dict[str, Any]
    ) -> None:
        given = StoredRow(id="a", text="t", payload=payload, vectors={"": unit(0)})
        store.apply(place, [given], [])
        assert repr(_sorted(store.get(place, ["a"])[0].payload)) == repr(_sorted(payload))
        assert store.query(place, [1, 0, 0, 0], k=1, where=None)[0].row.payload == payload

    @pytest.mark.parametrize("text", ["", "é ☃ \U0001f600", "nul\0", "\ud800 half", "x" * 100_000])
    def test_a_text_comes_back_as_given(self, store: VectorStore, place: str, text: str) -> None:
        store.apply(place, [row("a", text=text)], [])
        assert [each.text for each in store.rows(place)] == [text]

    def test_vectors_come_back_as_the_same_bytes(self, store: VectorStore, place: str) -> None:
        vectors = [half(6e-8, -0.0, 65504, 1), half(0, 0, 0, 0), half(0.1, 0.2, -0.3, 1e-3)]
        vectors += [half(i / 7, -i, 1 / (i + 1), 0.5) for i in range(20)]
        given = [row(f"{i:02}", vector) for i, vector in enumerate(vectors)]
        store.apply(place, given, [])
        assert [each.vectors[""] for each in store.rows(place, vectors=True)] == vectors
        assert [each.vectors for each in store.rows(place)] == [{}] * len(vectors)

    @pytest.mark.parametrize("name", ["a", "é☃", " ", "nul\0", "x" * 3000, "a'b\"c", "$in"])
    def test_an_id_may_be_any_text(self, store: VectorStore, place: str, name: str) -> None:
        store.apply(place, [row(name), row("other")], [])
        assert [each.id for each in store.get(place, [name])] == [name]
        store.apply(place, [], [name])
        assert [each.id for each in store.rows(place)] == ["other"]

    def test_a_row_is_replaced_whole(self, store: VectorStore, place: str) -> None:
        store.apply(place, [row("a", unit(0), "old", both="x", old=1, list=["p", "q"])], [])
        store.apply(place, [row("a", unit(1), "new", both=["x"], new=1, list="p")], [])
        there = store.get(place, ["a"])[0]
        assert (there.text, there.vectors[""]) == ("new", unit(1))
        assert there.payload == {"both": ["x"], "new": 1, "list": "p"}
        for gone in ({"old": 1}, {"list": "q"}):
            assert not store.query(place, [1, 0, 0, 0], k=1, where=gone)
        for kept in ({"both": "x"}, {"new": 1}, {"list": "p"}, {"old": {"$ne": 1}}):
            assert store.query(place, [1, 0, 0, 0], k=1, where=kept)

    def test_only_the_payload_may_change(self, store: VectorStore, place: str) -> None:
        store.apply(place, [row("a", unit(0), page=1), row("b", unit(1), page=1)], [])
        store.apply(place, [row("a", unit(0), chapter=2)], [])
        found = store.query(place, [1, 0, 0, 0], k=2, where=None)
        assert [match.row.payload for match in found] == [{"chapter": 2}, {"page": 1}]

    def test_applying_again_changes_nothing(self, store: VectorStore, fruits: str) -> None:
        before = list(store.rows(fruits, vectors=True))
        store.apply(fruits, before, ["not there"])
        store.apply(fruits, [], [])
        assert list(store.rows(fruits, vectors=True)) == before

    def test_of_equal_ids_the_last_is_written_and_deletion_comes_after(
        self, store: VectorStore, place: str
    ) -> None:
        store.apply(place, [row("a", text="1"), row("b"), row("a", text="2")], ["b", "b", "?"])
        assert [(each.id, each.text) for each in store.rows(place)] == [("a", "2")]

    def test_many_rows_come_and_go(self, store: VectorStore, place: str) -> None:
        names = [f"{i:04}" for i in range(700)]
        store.apply(place, [row(name, unit(int(name) / 700)) for name in names], [])
        assert [each.id for each in store.rows(place)] == names
        store.apply(place, [row("new")], names[50:])
        assert [each.id for each in store.rows(place)] == [*names[:50], "new"]
        assert store.count(place) == 51
        found = store.query(place, [0, 1, 0, 0], k=700, where=None)
        assert {match.row.id for match in found} == {*names[:50], "new"}

    def test_rows_are_given_in_the_order_asked(self, store: VectorStore, fruits: str) -> None:
        found = store.get(fruits, ["c", "x", "a", "", "\ud800", "c"])
        assert [each.id for each in found] == ["c", "a", "c"]
        assert all(each.vectors[""] == unit(0.5) for each in found)

    def test_rows_can_be_read_while_they_change(self, store: VectorStore, place: str) -> None:
        names = [f"{i:04}" for i in range(600)]
        store.apply(place, [row(name) for name in names], [])
        reading = store.rows(place)
        read = [next(reading).id]
        store.apply(place, [row("new")], names[1:599])
        read += [each.id for each in reading]
        assert read == sorted(set(read))
        assert {"0000", "0599"} <= set(read) <= set(names)

    @pytest.mark.parametrize(
        "refused",
        [
            row(""),
            row("\ud800"),
            row("x", half(1, 2)),
            row("x", half(1, 2, 3, math.inf)),
            row("x", half(1, 2, 3, math.nan)),
            StoredRow(id="x", text="", payload={}),
            StoredRow(id="x", text="", payload={}, vectors={"": unit(0), "title": unit(0)}),
            row("x", nan=math.nan),
            row("x", deep=[{"a": {"b": math.inf}}]),
            row("x", bytes=b""),
            row("x", keys={1: 2}),
        ],
        ids=range(11),
    )
    def test_a_row_that_cannot_be_kept_is_refused_and_nothing_written(
        self, store: VectorStore, place: str, refused: StoredRow
    ) -> None:
        with pytest.raises(UsageError):
            store.apply(place, [row("good"), refused], [])
        assert store.count(place) == 0


class _Queries(_Fixtures):
    """A search finds the nearest rows of those asked for."""

    def test_the_nearest_come_first_with_their_cosine(self, store: VectorStore, place: str) -> None:
        store.apply(place, [row(f"{i}", unit(i / 10)) for i in range(10)], [])
        found = store.query(place, [3, 0, 0, 0], k=4, where=None)
        assert [match.row.id for match in found] == ["0", "1", "2", "3"]
        assert [match.score for match in found] == pytest.approx(
            [math.cos(i / 10) for i in range(4)], abs=1e-3
        )
        assert found[0].score == 1.0
        assert found[0].row.vectors == {}

    def test_scores_are_those_of_the_stored_vectors(self, store: VectorStore, place: str) -> None:
        vectors = [half(0.1 * i - 1, 0.3, -0.02 * i, 1 / (i + 1)) for i in range(40)]
        store.apply(place, [row(f"{i:02}", each) for i, each in enumerate(vectors)], [])
        asked = (0.3, -0.2, 0.9, 0.1)
        for match in store.query(place, asked, k=40, where=None):
            stored = vectors[int(match.row.id)].floats()
            product = math.fsum(a * b for a, b in zip(asked, stored, strict=True))
            assert match.score == pytest.approx(
                product / (math.hypot(*asked) * math.hypot(*stored)), abs=1e-12
            )

    def test_ties_are_ordered_by_id(self, store: VectorStore, place: str) -> None:
        names = [f"{i * 7919 % 100:02}" for i in range(100)]
        store.apply(place, [row(name, unit(0.2)) for name in names], [])
        store.apply(place, [row("best", unit(0.0))], [])
        found = store.query(place, [1, 0, 0, 0], k=5, where=None)
        assert [match.row.id for match in found] == ["best", "00", "01", "02", "03"]

    def test_more_than_there_are_can_be_asked_for(self, store: VectorStore, fruits: str) -> None:
        assert len(store.query(fruits, [1, 0, 0, 0], k=1000, where=None)) == 5
        found = store.query(fruits, [1, 0, 0, 0], k=1000, where={"tags": "red"})
        assert [match.row.id for match in found] == ["a", "b"]

    def test_an_empty_place_has_nothing_near(self, store: VectorStore, place: str) -> None:
        assert store.query(place, [1, 0, 0, 0], k=3, where=None) == []
        assert store.query(place, [1, 0, 0, 0], k=3, where={"a": {"$ne": 1}}) == []
        assert list(store.rows(place)) == store.get(place, ["a"]) == []
        assert store.count(place) == 0

    @pytest.mark.parametrize("vector", [[1, 0], [1] * 5, [], [0] * 4, [math.nan, 0, 0, 1]])
    def test_a_query_without_a_direction_is_refused(
        self, store: VectorStore, fruits: str, vector: list[float]
    ) -> None:
        with pytest.raises(UsageError):
            store.query(fruits, vector, k=1, where=None)

    @pytest.mark.parametrize("k", [0, -1])
    def test_a_search_for_no_rows_is_refused(self, store: VectorStore, fruits: str, k: int) -> None:
        with pytest.raises(UsageError):
            store.query(fruits, [1, 0, 0, 0], k=k, where=None)

    def test_conditions_select(self, store: VectorStore, fruits: str) -> None:
        wrong = []
        for where, names in CONDITIONS:
            found = store.query(fruits, [1, 0, 0, 0], k=9, where=where)
            if "".join(sorted(match.row.id for match in found)) != names:
                wrong.append((where, names, found))
        assert wrong == []

    @pytest.mark.parametrize(("where", "word"), NO_CONDITIONS)
    def test_what_is_no_condition_is_refused(
        self, store: VectorStore, fruits: str, where: Any, word: str
    ) -> None:
        with pytest.raises(UsageError, match=word):
            store.query(fruits, [1, 0, 0, 0], k=1, where=where)

    def test_an_unknown_operator_is_answered_with_the_known_ones(
        self, store: VectorStore, fruits: str
    ) -> None:
        with pytest.raises(UsageError) as refused:
            store.query(fruits, [1, 0, 0, 0], k=1, where={"n": {"$like": "x"}})
        assert "$gte" in str(refused.value.hint)
        assert "$or" in str(refused.value.hint)


class _Writing(_Fixtures):
    """Writers take turns, and threads do not disturb each other."""

    def test_a_second_writer_learns_who_writes_and_since_when(
        self, store: VectorStore, place: str
    ) -> None:
        with store.writing(owner="the nightly run", wait=False):
            store.apply(place, [row("a")], [])
            with (
                pytest.raises(BusyError, match=r"the nightly run.* since \d{4}-"),
                store.writing(owner="another", wait=False),
            ):
                pass
        with store.writing(owner="another", wait=False):
            store.apply(place, [row("b")], [])
        assert store.count(place) == 2

    def test_a_failed_session_ends(self, store: VectorStore) -> None:
        with pytest.raises(ZeroDivisionError), store.writing(owner="failing", wait=False):
            _ = 1 / 0
        with store.writing(owner="next", wait=False):
            pass

    def test_who_waits_gets_its_turn(self, store: VectorStore) -> None:
        order = []
        inside = threading.Event()

        def second() -> None:
            inside.wait()
            with store.writing(owner="second", wait=True):
                order.append("second")

        other = threading.Thread(target=second)
        other.start()
        with store.writing(owner="first", wait=True):
            inside.set()
            other.join(0.2)
            order.append("first")
        other.join()
        assert order == ["first", "second"]

    def test_threads_read_while_another_writes(self, store: VectorStore, place: str) -> None:
        store.apply(place, [row("stays"), row("goes")], [])
        failed: list[BaseException] = []
        gone = threading.Event()
        done = threading.Event()

        def read() -> None:
            try:
                while not done.is_set():
                    known_gone = gone.is_set()
                    found = store.query(place, [1, 0, 0, 0], k=500, where=None)
                    names = {match.row.id for match in found}
                    assert "stays" in names
                    assert not (known_gone and "goes" in names)
                    assert store.count(place) >= 1
            except BaseException as error:  # noqa: BLE001 - told to the test
                failed.append(error)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        with store.writing(owner="test", wait=False):
            for i in range(5):
                store.apply(place, [row(f"{i}-{j}") for j in range(20)], [])
                store.apply(place, [], ["goes", *(f"{i}-{j}" for j in range(15))])
                gone.set()
        done.set()
        for reader in readers:
            reader.join()
        assert failed == []
        assert store.count(place) == 26


class VectorStoreSuite(_Places, _Rows, _Queries, _Writing, Inspection):
    """Everything above: subclass it as `Test…` and override the fixture `store`."""


def _sorted(value: Any) -> Any:
    """Return a payload with its keys in order: equality alone takes 1 for True."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value
