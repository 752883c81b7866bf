"""Which generations a place has."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from ragflow.core.states import GenerationState
from ragflow.errors import NotFoundError
from ragflow.stores.metadata.generations import physical_name

BUILDING, PUBLISHED = GenerationState.BUILDING, GenerationState.PUBLISHED


@pytest.fixture
def generations(store):
    return store.generations


def test_a_place_begins_with_its_first_generation(generations, clock):
    space = {"model": "all-minilm-l6-v2", "dimension": 384, "metric": "cosine"}
    built = generations.build("chroma", "handbook", space, publish=True)
    assert (built.target, built.place, built.number) == ("chroma", "handbook", 1)
    assert (built.space, built.state) == (space, PUBLISHED)
    assert built.created_at == built.published_at == clock.now()
    assert generations.published("chroma", "handbook") == built
    assert generations.of("chroma", "handbook") == [built]
    assert generations.places("chroma") == [built]
    assert generations.published("qdrant", "handbook") is None


def test_one_is_built_beside_the_published_and_takes_its_place(generations, clock):
    old = generations.build("chroma", "handbook", {"dimension": 2}, publish=True)
    new = generations.build("chroma", "handbook", {"dimension": 3}, publish=False)
    assert (new.number, new.state, new.published_at) == (2, BUILDING, None)
    assert generations.published("chroma", "handbook") == old
    assert generations.of("chroma", "handbook") == [old, new]
    clock.sleep(60)
    generations.publish(new)
    published = generations.published("chroma", "handbook")
    assert published is not None
    assert (published.id, published.published_at) == (new.id, clock.now())
    assert [one.id for one in generations.of("chroma", "handbook")] == [new.id]
    assert [one.id for one in generations.retired("chroma")] == [old.id]


def test_the_old_one_can_be_published_again(generations):
    old = generations.build("chroma", "handbook", {}, publish=True)
    new = generations.build("chroma", "handbook", {}, publish=True)
    assert [one.id for one in generations.retired("chroma")] == [old.id]
    generations.publish(old)
    assert generations.published("chroma", "handbook").id == old.id
    assert [one.id for one in generations.retired("chroma")] == [new.id]


def test_publishing_one_place_leaves_the_others(generations):
    one = generations.build("chroma", "b", {}, publish=True)
    two = generations.build("chroma", "a", {}, publish=True)
    generations.build("qdrant", "a", {}, publish=True)
    generations.build("chroma", "c", {}, publish=False)
    assert [place.id for place in generations.places("chroma")] == [two.id, one.id]


def test_the_number_of_a_forgotten_generation_is_never_given_again(generations):
    first = generations.build("chroma", "handbook", {}, publish=True)
    second = generations.build("chroma", "handbook", {}, publish=True)
    generations.forget(second)
    generations.forget(first)
    assert generations.of("chroma", "handbook") == []
    third = generations.build("chroma", "other", {}, publish=True)
    assert third.id > second.id


def test_what_was_forgotten_cannot_be_published(generations):
    first = generations.build("chroma", "handbook", {}, publish=True)
    second = generations.build("chroma", "handbook", {}, publish=False)
    generations.forget(second)
    with pytest.raises(NotFoundError, match=second.physical):
        generations.publish(second)
    assert generations.published("chroma", "handbook").id == first.id


def test_two_that_build_at_once_build_two(generations):
    with ThreadPoolExecutor(8) as threads:
        built = list(
            threads.map(
                lambda _: generations.build("chroma", "handbook", {}, publish=True), range(8)
            )
        )
    assert sorted(one.number for one in built) == list(range(1, 9))
    assert len(generations.of("chroma", "handbook")) == 1


PLACES = ["handbook", "Handbook", "", " ", "ü", "u\u0308", "日本語", "日本", "a/b", "a-b", "a_b"]
PLACES += ["..", "x" * 300, "x" * 301, "HANDBUCH", "ﬁ", "fi", "-a-", "1", "a\0", "a\n", "🙂"]


def test_physical_names_suit_every_store_and_differ():
    names = {
        physical_name(target, place, number)
        for target in ("chroma", "qdrant")
        for place in PLACES
        for number in (1, 2, 12345678)
    }
    assert len(names) == 2 * len(PLACES) * 3
    for name in names:
        assert re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,58}[a-z0-9]", name), name


def test_physical_names_are_the_same_in_every_home():
    assert physical_name("chroma", "Handbook ü", 1) == "handbook-u-1-e98e2d107002d4e76132"


@pytest.mark.parametrize("place", PLACES)
def test_a_place_of_any_name_works(generations, place):
    built = generations.build("chroma", place, {}, publish=True)
    assert generations.published("chroma", place) == built
