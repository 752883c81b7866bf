"""What kind of document are these bytes? The bytes decide; the name does where they are text."""

import json
import re
import struct
import tarfile
from collections.abc import Iterator

from ragflow.parsing.decoding import decode, is_text
from ragflow.parsing.expanding import opening

#: How many of the first bytes `media_type` should be given.
HEAD = 65_536

OCTETS = "application/octet-stream"
ZIP = "application/zip"
OLE = "application/x-ole-storage"
ENCRYPTED_OFFICE = "application/x-encrypted-office"
_TAR = "application/x-tar"
#: Of a compressed stream with a tar archive in it, by its own media type; and how the names of
#: such archives end, where the first bytes are too few to expand.
_PACKED_TARS = {
    "application/gzip": ("application/x-compressed-tar", (".tar.gz", ".tgz")),
    "application/x-bzip2": ("application/x-bzip2-compressed-tar", (".tar.bz2", ".tbz2", ".tbz")),
    "application/x-xz": ("application/x-xz-compressed-tar", (".tar.xz", ".txz")),
}
_OPEN_XML = "application/vnd.openxmlformats-officedocument"

#: (offset, bytes there, media type); the first that fits decides.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"II+\0", "image/tiff"),
    (0, b"MM\0+", "image/tiff"),
    (8, b"WEBP", "image/webp"),
    (6, b"\0\0\0\0", "image/bmp"),
    (4, b"jP  \r\n", "image/jp2"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypmif1", "image/heic"),
    (4, b"ftypavif", "image/avif"),
    (0, b"8BPS", "image/vnd.adobe.photoshop"),
    (0, b"\xd7\xcd\xc6\x9a", "image/wmf"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"\x1f\x9d", "application/x-compress"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"MSCF\0\0\0\0", "application/vnd.ms-cab-compressed"),
    (257, b"ustar", "application/x-tar"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"AT&TFORM", "image/vnd.djvu"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"PAR1", "application/vnd.apache.parquet"),
    (0, b"\x89HDF\r\n\x1a\n", "application/x-hdf5"),
    (0, b"\x7fELF", "application/x-elf"),
    (0, b"\xca\xfe\xba\xbe", "application/java-vm"),
    (0, b"\0asm", "application/wasm"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "video/matroska"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
)
#: What must also stand at the start where the bytes above stand further in.
_BEGINNINGS = {
    "image/webp": b"RIFF",
    "audio/wav": b"RIFF",
    "video/x-msvideo": b"RIFF",
    "image/bmp": b"BM",
}

_OFFICE_SUFFIXES = {
    "docx": f"{_OPEN_XML}.wordprocessingml.document",
    "docm": f"{_OPEN_XML}.wordprocessingml.document",
    "xlsx": f"{_OPEN_XML}.spreadsheetml.sheet",
    "xlsm": f"{_OPEN_XML}.spreadsheetml.sheet",
    "pptx": f"{_OPEN_XML}.presentationml.presentation",
    "pptm": f"{_OPEN_XML}.presentationml.presentation",
    "epub": "application/epub+zip",
    "pages": "application/vnd.apple.pages",
    "numbers": "application/vnd.apple.numbers",
    "key": "application/vnd.apple.keynote",
}
#: The folders of an Office document that say which one it is; it may embed another.
_OFFICE_FOLDERS = {"word": "docx", "xl": "xlsx", "ppt": "pptx"}
_OLE_SUFFIXES = {
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "msg": "application/vnd.ms-outlook",
}
#: Names of streams, longest claims first: an encrypted document has none of the others.
_OLE_STREAMS = (
    ("EncryptedPackage", ENCRYPTED_OFFICE),
    ("__properties_version1.0", "application/vnd.ms-outlook"),
    ("WordDocument", "application/msword"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("Workbook", "application/vnd.ms-excel"),
)
_MIMETYPE = re.compile(rb"application/[a-z0-9.+-]+")

#: Suffixes of texts that are source code.
_CODE_SUFFIXES = {
    "py": "text/x-python",
    "pyi": "text/x-python",
    "js": "text/javascript",
    "mjs": "text/javascript",
    "ts": "text/x-typescript",
    "tsx": "text/x-typescript",
    "java": "text/x-java",
    "kt": "text/x-kotlin",
    "c": "text/x-c",
    "h": "text/x-c",
    "cc": "text/x-c++",
    "cpp": "text/x-c++",
    "hpp": "text/x-c++",
    "cs": "text/x-csharp",
    "go": "text/x-go",
    "rs": "text/x-rust",
    "rb": "text/x-ruby",
    "php": "text/x-php",
    "pl": "text/x-perl",
    "swift": "text/x-swift",
    "scala": "text/x-scala",
    "r": "text/x-r",
    "sh": "text/x-shellscript",
    "bash": "text/x-shellscript",
    "ps1": "text/x-powershell",
    "sql": "text/x-sql",
    "css": "text/css",
}
#: Media types of source code.
SOURCE_CODE = frozenset(_CODE_SUFFIXES.values())
#: Prose whose marks nobody reads here.
_PROSE_SUFFIXES = {
    "rst": "text/x-rst",
    "adoc": "text/asciidoc",
    "asciidoc": "text/asciidoc",
    "org": "text/org",
    "tex": "text/x-tex",
}
_AS_TEXT = frozenset(_PROSE_SUFFIXES.values())
_TEXT_SUFFIXES = (
    _CODE_SUFFIXES
    | _PROSE_SUFFIXES
    | {
        "md": "text/markdown",
        "markdown": "text/markdown",
        "html": "text/html",
        "htm": "text/html",
        "xhtml": "text/html",
        "csv": "text/csv",
        "tsv": "text/tab-separated-values",
        "json": "application/json",
        "jsonl": "application/x-ndjson",
        "ndjson": "application/x-ndjson",
        "yaml": "application/yaml",
        "yml": "application/yaml",
        "toml": "application/toml",
        "xml": "application/xml",
        "svg": "image/svg+xml",
        "eml": "message/rfc822",
        "mbox": "application/mbox",
        "mhtml": "multipart/related",
        "mht": "multipart/related",
    }
)

_PROLOGUE = re.compile(r"\s*(?:<\?.*?\?>|<!--.*?-->)", re.DOTALL)
_HTML = re.compile(r"\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_HTML_LIKELY = re.compile(
    r"\s*<(?:head|body|title|meta|link|script|style|div|table|p|h[1-6]|a|ul|ol|br|center|font)"
    r"[\s>]",
    re.IGNORECASE,
)
_SVG = re.compile(r"\s*<(?:!doctype\s+svg|svg)\b", re.IGNORECASE)
#: Lines that e-mails begin with; lines that only they have; and those that may come twice.
_MAIL_HEAD = re.compile(
    rb"(?:return-path|received|delivered-to|message-id|mime-version|from|to|subject|date|x-[\w-]+"
    rb"|dkim-signature|arc-[\w-]+|reply-to|content-type|references|cc|sender):",
    re.IGNORECASE,
)
_MAIL_ALONE = re.compile(
    rb"^(?:message-id:\s*<|received:\s*(?:from|by)\s|return-path:\s*<|mime-version:\s*\d"
    rb"|delivered-to:.*@)",
    re.IGNORECASE | re.MULTILINE,
)
_MAIL_FROM = re.compile(rb"^from:.*@", re.IGNORECASE | re.MULTILINE)
_MAIL_SUBJECT = re.compile(rb"^subject:", re.IGNORECASE | re.MULTILINE)
_MAIL_OFTEN = (b"received", b"delivered-to", b"return-path", b"dkim-signature", b"x-", b"arc-")
_GOES_ON = re.compile(rb"\n[ \t]+")
_HEAD_LINE = re.compile(rb"[!-9;-~]+:")
#: So many known lines make a head.
_FEWEST_HEADS = 3

_PDF_OBJECT = re.compile(rb"%PDF-|\d+ \d+ obj\b")


def media_type(head: bytes, name: str) -> str:
    """Return the media type of the document that begins with `head` and is called `name`.

    A function of the bytes and the suffix of the name alone. What the bytes say goes first;
    bytes that are text are text whatever the name says, and only there, and for an archive
    that could be several kinds of document, does the suffix decide. `head` is the whole
    document or its first `HEAD` bytes.
    """
    suffix = _suffix(name)
    for offset, signature, found in _SIGNATURES:
        if head.startswith(signature, offset) and head.startswith(_BEGINNINGS.get(found, b"")):
            if found in _PACKED_TARS:
                return _packed_type(found, head, name)
            return _ole_type(head, suffix) if found is OLE else found
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _zip_type(head, suffix)
    if suffix == "pdf" and _PDF_OBJECT.search(head, 0, HEAD):
        # The header may be missing or come after up to a kilobyte of something else.
        return "application/pdf"
    if not is_text(head):
        if _is_tar(head) or (suffix == "tar" and not any(head)):
            return _TAR
        return "application/x-msdownload" if head.startswith(b"MZ") else OCTETS
    return _text_type(head, suffix)


def read_as(media_type: str) -> str:
    """Return the media type that a document of this one is read as.

    What is read the same has the same, so that another suffix alone is no other document.
    """
    return "text/plain" if media_type in _AS_TEXT else media_type


def _suffix(name: str) -> str:
    stem, _, suffix = name.replace("\\", "/").rpartition("/")[2].rpartition(".")
    return suffix.lower() if stem else ""


def _text_type(head: bytes, suffix: str) -> str:
    by_suffix = _TEXT_SUFFIXES.get(suffix, "text/plain")
    opening = head[:4096]
    if by_suffix == "text/plain" and _is_mail(head):
        return "message/rfc822"
    if by_suffix == "application/json" and _is_json_lines(opening):
        return "application/x-ndjson"
    if b"<" not in opening[:512]:
        return by_suffix
    text = decode(opening).text
    declared = text.lstrip().startswith("<?xml")
    while prologue := _PROLOGUE.match(text):
        text = text[prologue.end() :]
    if _HTML.match(text):
        return "text/html"
    if _SVG.match(text):
        return "image/svg+xml"
    if declared:
        return "application/xml" if by_suffix == "text/plain" else by_suffix
    # Markdown and templates of other languages may begin with a tag as well.
    if by_suffix == "text/plain" and _HTML_LIKELY.match(text):
        return "text/html"
    return by_suffix


def _is_mail(head: bytes) -> bool:
    """Say whether a text begins with the head of an e-mail: no prose, and lines only it has."""
    if not _MAIL_HEAD.match(head):
        return False
    front, blank, _ = head[:HEAD].replace(b"\r\n", b"\n").partition(b"\n\n")
    if not blank:
        # Lists and logs look like it too, but go on without an end.
        return False
    front = _GOES_ON.sub(b" ", front)
    lines = front.split(b"\n")
    known = [found[0].lower() for line in lines if (found := _MAIL_HEAD.match(line))]
    single = [name for name in known if not name.startswith(_MAIL_OFTEN)]
    if (
        len(known) < _FEWEST_HEADS
        or len(set(single)) < len(single)
        or not all(_HEAD_LINE.match(line) for line in lines)
    ):
        return False
    return bool(
        _MAIL_ALONE.search(front) or (_MAIL_FROM.search(front) and _MAIL_SUBJECT.search(front))
    )


def _is_json_lines(opening: bytes) -> bool:
    """Say whether each of the first lines is an object by itself."""
    lines = [line.strip() for line in opening.split(b"\n")]
    if len(lines) < 2 or not (lines[0].startswith(b"{") and lines[1].startswith(b"{")):
        return False
    try:
        return isinstance(json.loads(lines[0]), dict)
    except (ValueError, RecursionError):
        return False


def _zip_type(head: bytes, suffix: str) -> str:
    by_suffix = _OFFICE_SUFFIXES.get(suffix)
    names = []
    for name, start in _zip_names(head):
        if name == b"mimetype":
            stated = _MIMETYPE.match(head, start)
            if stated:
                return stated[0].decode("ascii")
        names.append(name.decode("latin-1"))
    for entry in names:
        kind = _OFFICE_FOLDERS.get(entry.partition("/")[0])
        if kind is not None:
            return _OFFICE_SUFFIXES[kind]
    if by_suffix is not None and any(
        entry == "[Content_Types].xml" or entry.startswith(("Index/", "META-INF/", "_rels/"))
        for entry in names
    ):
        return by_suffix
    if names and names[0].startswith("META-INF/"):
        return "application/java-archive"
    return ZIP


def _zip_names(head: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield each entry's name and where its bytes begin, as far as `head` goes."""
    place = head.find(b"PK\x03\x04")
    while 0 <= place <= len(head) - 30:
        length, extra = struct.unpack_from("<HH", head, place + 26)
        start = place + 30 + length
        yield head[place + 30 : start], start + extra
        place = head.find(b"PK\x03\x04", start)


def _packed_type(packed: str, head: bytes, name: str) -> str:
    """Return the media type of a compressed stream: that of a tar archive where it is one."""
    archive, endings = _PACKED_TARS[packed]
    record = opening(head, tarfile.BLOCKSIZE)
    # bzip2 expands whole blocks of up to 900 kB, of which there may be only the begin here; and
    # an archive of nothing is nothing but zeros.
    is_told = any(record)
    is_archive = _is_tar(record) if is_told else name.lower().endswith(endings)
    return archive if is_archive else packed


def _is_tar(head: bytes) -> bool:
    """Tell whether these bytes begin with the head of an entry, whose sum it states itself."""
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        return False
    return True


def _ole_type(head: bytes, suffix: str) -> str:
    for stream, found in _OLE_STREAMS:
        if stream.encode("utf-16-le") in head:
            return found
    return _OLE_SUFFIXES.get(suffix, OLE)
