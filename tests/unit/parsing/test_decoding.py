import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragflow.parsing.decoding import cleaned, decode, is_text

WESTERN = "Die Straße über den Fluß ist für größere Fahrzeuge gesperrt.\n"
RUSSIAN = "Все люди рождаются свободными и равными в своем достоинстве и правах.\n"
CHINESE = "人人生而自由,在尊严和权利上一律平等。\n他们赋有理性和良心。\n"
JAPANESE = "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。\n"


@pytest.mark.parametrize("text", [WESTERN, RUSSIAN, CHINESE, JAPANESE])
@pytest.mark.parametrize(
    "encoding",
    [
        *("utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"),
        *("utf-32-le", "utf-32-be"),
    ],
)
def test_unicode_is_read_with_and_without_a_byte_order_mark(text, encoding):
    decoded = decode((text * 3).encode(encoding))
    assert (decoded.text, decoded.exact) == (text * 3, True)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (WESTERN, "cp1252"),
        (WESTERN, "cp850"),
        ("Wszyscy ludzie rodzą się wolni i równi pod względem swej godności.", "iso8859-2"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        ("Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια.", "cp1253"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "iso2022_jp"),
        (CHINESE, "gb18030"),
        ("모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.", "euc_kr"),
        ("Übermut tut gut", "cp1252"),
        ("The quick brown fox. " * 40 + "naïve café", "cp1252"),
    ],
)
def test_older_encodings_are_told_by_their_letters(text, encoding):
    assert decode(text.encode(encoding)).text == text


def test_a_declared_encoding_is_taken_as_browsers_take_it():
    assert decode(b"caf\xe9 \x80", declared="ISO-8859-1").text == "café €"
    assert decode(RUSSIAN.encode("koi8-r"), declared=" KOI8-R ").text == RUSSIAN


@pytest.mark.parametrize("declared", ["utf-16", "unicode_escape", "zip", "utf-7", "nonsense", ""])
def test_a_declaration_that_cannot_be_meant_is_passed_over(declared):
    assert decode(b"caf\xe9 \\x41 +AGE-", declared=declared).text == "café \\x41 +AGE-"


def test_text_that_is_valid_utf8_is_utf8_whatever_is_declared():
    assert decode("größer".encode(), declared="iso-8859-1").text == "größer"


def test_a_few_bad_bytes_do_not_spoil_a_utf8_text():
    decoded = decode(RUSSIAN.encode() * 3 + b"\xff" + RUSSIAN.encode())
    assert decoded.text == RUSSIAN * 3 + "\ufffd" + RUSSIAN
    assert decoded.notes == ("Some bytes are no valid utf-8 and were replaced by \ufffd.",)


def test_utf16_cut_in_the_middle_of_a_character_is_read_up_to_there():
    decoded = decode("Größe".encode("utf-16") + b"\0")
    assert decoded.text == "Größe\ufffd"
    assert not decoded.exact


def test_a_nul_does_not_make_utf16_of_a_plain_text():
    assert cleaned(decode(b"00000\0").text) == "00000"
    assert decode("Все люди".encode("utf-16-le")).text == "Все люди"


def test_line_ends_become_one_and_unseen_characters_go():
    assert cleaned("a\r\nb\rc\nd") == "a\nb\nc\nd"
    assert cleaned("a\0b\x07\x1fc\ufeff\ud800d\te\f") == "ab cd\te\f"


@given(st.binary(max_size=400))
def test_any_bytes_decode_to_text_that_can_be_encoded(data):
    decoded = decode(data)
    cleaned(decoded.text).encode()
    assert decode(data) == decoded


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=200))
def test_utf8_without_control_characters_is_read_as_it_is(text):
    data = text.encode()
    assert is_text(data)
    if not text.startswith("\ufeff"):
        assert decode(data).text == text
