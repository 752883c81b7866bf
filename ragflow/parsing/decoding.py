"""Which characters do these bytes stand for?"""

import codecs
import re
import unicodedata
from typing import NamedTuple

#: How many bytes are looked at where looking at all of them would be slow.
SAMPLE = 65_536

#: UTF-32 before UTF-16: the mark of the one begins with the mark of the other.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ANY_MARK = tuple(mark for mark, _ in _MARKS)
#: Bytes in a unit of the encodings that set no mark.
_WIDTHS = {"utf-32-le": 4, "utf-32-be": 4, "utf-16-le": 2, "utf-16-be": 2}
#: Unassigned, private and lone surrogates: there are hardly any in a text.
_STRANGE = frozenset({"Cn", "Co", "Cs"})

#: Control characters that no text needs; ESC stays out because ISO 2022 is written with it.
_CONTROL_BYTES = bytes([*range(9), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20), 0x7F])
_UNWANTED = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\ufeff\ufffe\uffff]")
_SEPARATORS = re.compile("[\x1c-\x1f]")
_ISO_2022 = re.compile(rb"\x1b\$[@B]|\x1b\([BJI]")

#: What web browsers take a declared encoding for (https://encoding.spec.whatwg.org/#names).
_MEANT = {
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "big5": "big5hkscs",
}
#: Encodings that unmarked, undeclared text is guessed to be in. Asked for all it knows, the
#: library answers short western texts with Johab, UTF-16 or code pages of the Baltic.
_PLAUSIBLE = (
    "cp1252",
    "cp1250",
    "iso8859_2",
    "cp1251",
    "koi8_r",
    "cp866",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "cp874",
    "cp932",
    "euc_jp",
    "gb18030",
    "big5",
    "cp949",
    "mac_roman",
    "cp850",
)
#: How the names begin that Python gives to encodings a document may declare; among its other
#: codecs are compressions and escapes.
_DECLARABLE = ("utf-8", "cp", "iso8859", "iso2022", "koi8", "mac", "gb", "big5", "euc", "hz", "tis")


class Decoded(NamedTuple):
    """Text, and whether every byte of it could be decoded."""

    text: str
    encoding: str
    exact: bool = True

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell a person about the decoding: nothing, or one sentence."""
        if self.exact:
            return ()
        return (f"Some bytes are no valid {self.encoding} and were replaced by \ufffd.",)


def decode(data: bytes, *, declared: str | None = None) -> Decoded:
    """Return the text of `data` in the first encoding that fits.

    A byte order mark decides; then UTF-8, UTF-16 and UTF-32 without a mark, the `declared`
    encoding, and what the bytes look like. Never fails: what cannot be decoded becomes U+FFFD.
    """
    if data.startswith(_ANY_MARK):
        return _decode_marked(data)
    if b"\0" in data:
        wide = _wide_encoding(data)
        if wide is not None:
            return Decoded(data.decode(wide), wide)
    if b"\x1b" in data and _ISO_2022.search(data):
        japanese = _strictly(data, "iso2022_jp_2")
        if japanese is not None:
            return japanese
    try:
        return Decoded(data.decode(), "utf-8")
    except UnicodeDecodeError:
        return _decode_legacy(data, declared)


def cleaned(text: str) -> str:
    r"""Return `text` with line ends as ``\n`` and without characters no reader sees.

    CR LF and CR become LF. NUL, other control characters, byte order marks and lone surrogates
    are dropped, the four ASCII separators become blanks; tab, form feed and vertical tab stay.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _UNWANTED.search(text) is not None:
        text = _UNWANTED.sub("", _SEPARATORS.sub(" ", text))
    return text


def is_text(head: bytes) -> bool:
    """Say whether bytes that begin so are text in some encoding.

    A character cut in two at the end of `head` does not count against it.
    """
    if head.startswith(_ANY_MARK) or not head:
        return True
    controls = len(head) - len(head.translate(None, _CONTROL_BYTES))
    if controls and b"\0" in head and _wide_encoding(head[:SAMPLE]) is not None:
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        # In an 8-bit encoding any bytes decode; one in ten random bytes is a control character.
        return controls * 200 <= len(head)
    return controls * 20 <= len(head)


def _decode_marked(data: bytes) -> Decoded:
    found = [(mark, encoding) for mark, encoding in _MARKS if data.startswith(mark)]
    for mark, encoding in found:
        decoded = _strictly(data[len(mark) :], encoding)
        if decoded is not None:
            return decoded
    mark, encoding = found[-1]
    return Decoded(data[len(mark) :].decode(encoding, "replace"), encoding, exact=False)


def _strictly(data: bytes, encoding: str) -> Decoded | None:
    try:
        return Decoded(data.decode(encoding), encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _beginning(data: bytes, encoding: str) -> str:
    """Return the text of a sample, which may end within a character; nothing if it is none."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return ""


def _wide_encoding(data: bytes) -> str | None:
    """Return which of UTF-16 and UTF-32 these unmarked bytes, among them NULs, are in, or None."""
    sample = data[: SAMPLE // 16]
    controls = len(sample) - len(sample.translate(None, _CONTROL_BYTES))
    if controls * 4 <= len(sample) and _beginning(sample, "utf-8"):
        return None
    found = [
        (*_ordinary(_beginning(sample, encoding)), encoding)
        for encoding, width in _WIDTHS.items()
        if len(data) % width == 0
    ]
    blanks, western, encoding = max(found, default=(0, 0, ""))
    if blanks + western == 0 or _strictly(data, encoding) is None:
        return None
    return encoding


def _ordinary(text: str) -> tuple[int, int]:
    """Return how many blanks and line ends a text has, and how many letters of ASCII.

    Read the wrong way round, these turn into rare signs. What is no text at all has none.
    """
    strange = sum(unicodedata.category(character) in _STRANGE for character in text)
    if strange * 20 > len(text) or len(_UNWANTED.findall(text)) * 20 > len(text):
        return 0, 0
    return sum(map(text.count, " \n\r\t")), sum("!" <= character <= "~" for character in text)


def _decode_legacy(data: bytes, declared: str | None) -> Decoded:
    if declared is not None:
        decoded = _decode_declared(data, declared.strip().lower())
        if decoded is not None:
            return decoded
    broken = data.decode("utf-8", "replace")
    faults = broken.count("\ufffd")
    # Characters of several bytes that are valid UTF-8 do not come about by chance.
    if sum(1 for character in broken[:SAMPLE] if character > "\x7f") > 4 * faults:
        return Decoded(broken, "utf-8", exact=False)
    encoding = _guessed_encoding(data)
    decoded = _strictly(data, encoding)
    return decoded or Decoded(data.decode(encoding, "replace"), encoding, exact=False)


def _decode_declared(data: bytes, label: str) -> Decoded | None:
    try:
        encoding = codecs.lookup(_MEANT.get(label, label)).name
    except LookupError:
        return None
    # Bytes in which a declaration could be read are no UTF-16; UTF-7 smuggles markup.
    return _strictly(data, encoding) if encoding.startswith(_DECLARABLE) else None


def _guessed_encoding(data: bytes) -> str:
    from charset_normalizer import from_bytes

    sample = data[:SAMPLE]
    if len(data) > SAMPLE:
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    matches = from_bytes(sample, cp_isolation=list(_PLAUSIBLE))
    best = matches.best()
    if best is None:
        return "cp1252"
    # Most of these agree on most letters of western languages; then the commonest is meant.
    for match in matches:
        if (
            "cp1252" in match.could_be_from_charset
            and match.chaos <= best.chaos
            and match.coherence >= best.coherence
        ):
            return "cp1252"
    return best.encoding
