"""A value that repeats another comes back to the byte, and is kept as what differs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow.stores.metadata.deltas import collapsed, difference, restored

TEXT = "\n".join(
    f"Line {number} of a text that was wrapped by hand." for number in range(200)
).encode()

pieces = st.lists(
    st.one_of(
        st.binary(max_size=80), st.sampled_from([TEXT[:300], TEXT[500:1200], b" \n\t", b"x"])
    ),
    max_size=8,
).map(b"".join)


@given(pieces, pieces)
def test_any_value_comes_back(base, value):
    assert restored(base, difference(base, value)) == value


@given(st.integers(0, len(TEXT)), st.integers(0, 3000), st.binary(max_size=40))
def test_a_stretch_of_the_base_takes_little(begin, length, noise):
    value = noise + TEXT[begin : begin + length] + noise
    data = difference(TEXT, value)
    assert restored(TEXT, data) == value
    # One too short to refer to is written out. The lines of this text resemble each other, so
    # another may be found first, which agrees for a line only: four bytes for forty.
    assert len(data) <= 2 * len(noise) + 48 + length // 8


def test_so_does_a_stretch_with_its_white_space_collapsed():
    cuts = [TEXT[at : at + 900] for at in range(0, len(TEXT), 900)]
    value = b"".join(b"\xda" + cut + collapsed(cut) for cut in cuts)
    data = difference(TEXT, value)
    assert restored(TEXT, data) == value
    assert len(data) < 40 * len(cuts)


def test_a_value_that_has_nothing_of_the_base_is_kept_whole():
    value = bytes(range(256)) * 20
    data = difference(TEXT, value)
    assert len(value) <= len(data) <= len(value) + 3
    assert restored(b"", data) == value


@pytest.mark.parametrize("harm", [b"", b"\xff", b"\x80\x80"])
def test_damaged_bytes_are_told(harm):
    with pytest.raises(ValueError, match="too early"):
        restored(TEXT, harm)
