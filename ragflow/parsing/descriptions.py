"""What does a person call a document of this media type?"""

_NAMES = {
    "application/pdf": "a PDF",
    "text/html": "an HTML page",
    "text/markdown": "a Markdown text",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "a Word document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "an Excel workbook",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": (
        "a PowerPoint presentation"
    ),
    "application/msword": "a Word document of the old format",
    "application/vnd.ms-excel": "an Excel workbook of the old format",
    "application/vnd.ms-powerpoint": "a PowerPoint presentation of the old format",
    "application/vnd.ms-outlook": "an Outlook message",
    "application/x-encrypted-office": "an Office document with a password",
    "application/x-ole-storage": "a file of an old Microsoft program",
    "application/epub+zip": "an EPUB book",
    "application/vnd.oasis.opendocument.text": "an OpenDocument text",
    "application/vnd.oasis.opendocument.spreadsheet": "an OpenDocument spreadsheet",
    "application/vnd.oasis.opendocument.presentation": "an OpenDocument presentation",
    "application/vnd.apple.pages": "an Apple Pages document",
    "application/vnd.apple.numbers": "an Apple Numbers spreadsheet",
    "application/vnd.apple.keynote": "an Apple Keynote presentation",
    "application/json": "a JSON file",
    "application/x-ndjson": "a file of JSON lines",
    "application/yaml": "a YAML file",
    "application/toml": "a TOML file",
    "application/xml": "an XML file",
    "application/rtf": "an RTF document",
    "application/postscript": "a PostScript document",
    "message/rfc822": "an e-mail message",
    "application/mbox": "a mailbox",
    "multipart/related": "a saved web page (MHTML)",
    "application/zip": "a ZIP archive",
    "application/java-archive": "a Java archive",
    "application/gzip": "a gzip archive",
    "application/x-bzip2": "a bzip2 archive",
    "application/x-xz": "an xz archive",
    "application/zstd": "a Zstandard archive",
    "application/x-compress": "a compressed file",
    "application/x-tar": "a tar archive",
    "application/x-compressed-tar": "a compressed tar archive",
    "application/x-bzip2-compressed-tar": "a compressed tar archive",
    "application/x-xz-compressed-tar": "a compressed tar archive",
    "application/x-7z-compressed": "a 7-Zip archive",
    "application/vnd.rar": "a RAR archive",
    "application/vnd.ms-cab-compressed": "a Cabinet archive",
    "application/vnd.sqlite3": "an SQLite database",
    "application/vnd.apache.parquet": "a Parquet table",
    "application/x-hdf5": "an HDF5 file",
    "application/x-elf": "a program",
    "application/x-msdownload": "a program",
    "application/java-vm": "a program",
    "application/wasm": "a program",
    "application/octet-stream": "a file of unknown kind",
    "image/svg+xml": "an SVG drawing",
    "image/wmf": "a Windows metafile",
    "image/vnd.djvu": "a DjVu document",
}
_FAMILIES = {
    "image": "an image",
    "audio": "a sound file",
    "video": "a video",
    "font": "a font",
    "text": "a text",
}


def described(media_type: str) -> str:
    """Return the plain words for a media type, with their article."""
    name = _NAMES.get(media_type) or _FAMILIES.get(media_type.partition("/")[0])
    return name or f"a document of the type {media_type!r}"
