"""Which instances a home knows."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from ragflow.stores.metadata.instances import identity


def test_an_instance_is_one_by_name_and_scope(store, opened):
    first = store.instance("handbook", "manuals", {"collection": "a", "depth": 1})
    assert (first.name, first.pipeline) == ("handbook", "manuals")
    assert first.scope == {"collection": "a", "depth": 1}
    assert store.instance("handbook", "manuals", {"depth": 1, "collection": "a"}) == first
    other = store.instance("handbook", "manuals", {"collection": "b", "depth": 1})
    assert other.id != first.id
    assert store.instances() == [first, other]
    store.close()
    again = opened()
    assert again.instance("handbook", "manuals", {"collection": "a", "depth": 1}) == first


def test_instances_come_by_name(store):
    for name in ("b", "a", "c"):
        store.instance(name, name, {})
    assert [instance.name for instance in store.instances()] == ["a", "b", "c"]


def test_an_instance_follows_its_pipeline_to_another_name(store):
    first = store.instance("handbook", "manuals", {})
    moved = store.instance("handbook", "books", {})
    assert (moved.id, moved.pipeline) == (first.id, "books")
    assert store.instances() == [moved]


def test_the_identity_is_the_same_in_every_home():
    assert identity("handbook", {"b": "ü", "a": [1, None, True, 1.5]}).hex() == (
        "54ac72c0ba3a43d0e83b9bf0c2e831c159fcd486"
    )


def test_identities_differ_when_anything_does():
    pairs = [
        ("a", {}),
        ("a{}", {}),
        ("", {"a": 1}),
        ("a", {"a": 1}),
        ("a", {"a": "1"}),
        ("a", {"a": 1.0}),
        ("a", {"a": True}),
        ("a", {"a": None}),
        ("a", {"a": "é"}),
        ("a", {"a": "e\u0301"}),
        ("a", {"a": ["x"]}),
        ("a", {"a": "x", "b": "y"}),
        ("a", {"a": 'x","b":"y'}),
    ]
    found = {identity(name, scope) for name, scope in pairs}
    assert len(found) == len(pairs)
    assert {len(one) for one in found} == {20}


@pytest.mark.parametrize("value", [object(), float("nan"), b"bytes", {1, 2}])
def test_a_scope_that_json_cannot_say_is_refused(store, value):
    with pytest.raises((TypeError, ValueError)):
        store.instance("a", "a", {"x": value})


def test_two_that_add_an_instance_at_once_add_one(store):
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: store.instance("a", "a", {}), range(16)))
    assert len({instance.id for instance in found}) == 1
