import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow.sources.files.keys import spell, unspell

NAME = st.binary(min_size=1).filter(lambda name: not {0, 47} & set(name))
PATH = st.lists(NAME.filter(lambda name: name not in {b".", b".."}), min_size=1).map(b"/".join)


@given(PATH)
def test_every_name_is_had_back_from_its_key(path):
    assert unspell(spell(path)) == path


@given(PATH)
def test_every_key_is_valid_unicode(path):
    spell(path).encode("utf-8")


@given(PATH, NAME)
def test_a_path_is_spelled_part_by_part(path, name):
    assert spell(path + b"/" + name) == spell(path + b"/") + spell(name)


def test_utf_8_stays_as_it_is():
    assert spell("guides/日本語 – ‘x’\n.md".encode()) == "guides/日本語 – ‘x’\n.md"


def test_a_byte_that_is_no_utf_8_and_its_spelling_as_a_name_are_kept_apart():
    assert spell(b"caf\xe9.md") == r"caf\xe9.md"
    assert spell(rb"caf\xe9.md") == r"caf\\xe9.md"


def test_a_folder_never_looks_like_an_archive_that_holds_something():
    assert spell(b"notes!/a.md") == r"notes\x21/a.md"
    assert spell(b"notes!") + "!/" + "a.md" == "notes!!/a.md"
    assert "!/" not in spell(b"a!/b!!/c!")


def test_composed_and_decomposed_accents_are_kept_apart():
    assert spell("é.md".encode()) != spell("e\u0301.md".encode())


@pytest.mark.parametrize(
    "key",
    [
        "../secret",
        "a/../../secret",
        "/etc/passwd",
        "",
        ".",
        "a//b",
        "a/",
        "a\0b",
        r"\x41",  # another spelling of A
        r"\xE9",  # of a byte that is spelled in lower case
        r"a\b",  # a backslash alone
        "\udce9",  # no valid Unicode
    ],
)
def test_what_no_listing_gives_is_no_key(key):
    with pytest.raises(ValueError, match=r"is no key|surrogates not allowed"):
        unspell(key)
