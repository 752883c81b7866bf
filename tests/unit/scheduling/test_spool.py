"""Values that are too many for memory wait in a file and come back as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow.incremental.encoding import decoder
from ragflow.scheduling import spool as module
from ragflow.scheduling.spool import Spool


@given(
    st.dictionaries(st.text(max_size=8), st.integers(-(2**63), 2**63), max_size=40),
    st.integers(0, 10),
)
def test_every_value_comes_back_with_its_fingerprint(values, at_hand):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "AT_HAND", at_hand)
        spool = Spool(decoder(int))
        for key, value in values.items():
            spool.put(key, str(value).encode(), value)
        for key, value in values.items():
            assert spool.get(key) == (str(value).encode(), value)
        with pytest.raises(KeyError):
            spool.get("longer than any key")


def test_keys_of_one_name_are_told_apart(monkeypatch):
    monkeypatch.setattr(module, "AT_HAND", 0)
    monkeypatch.setattr(module, "_name", len)
    spool = Spool(decoder(str))
    for key in ("ab", "cd", "e"):
        spool.put(key, b"", key.upper())
    assert [spool.get(key)[1] for key in ("cd", "ab", "e")] == ["CD", "AB", "E"]
    with pytest.raises(KeyError):
        spool.get("xy")


def test_values_of_no_stated_type_stay_in_memory(monkeypatch):
    monkeypatch.setattr(module, "AT_HAND", 0)
    spool = Spool(None)
    thing = object()
    spool.put("a", b"f", thing)
    assert spool.get("a") == (b"f", thing)
