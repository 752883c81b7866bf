"""Archives and mails as tests make them."""

import io
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from email.message import EmailMessage

ZIP, MAIL = "application/zip", "message/rfc822"
GZIPPED = "application/x-compressed-tar"


def zipped(files: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> bytes:
    """Return a ZIP archive, the same bytes for the same files."""
    file = io.BytesIO()
    pairs = files.items() if isinstance(files, Mapping) else files
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in pairs:
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def tarred(
    files: Mapping[str, bytes], *, mode: str = "w:gz", kind: int = tarfile.PAX_FORMAT
) -> bytes:
    """Return a tar archive."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode, format=kind) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def mailed(text: str, files: Mapping[str, bytes], *, subject: str = "Hello") -> bytes:
    """Return an e-mail with attachments."""
    made = EmailMessage()
    made["Subject"], made["From"], made["To"] = subject, "a@example.com", "b@example.com"
    made.set_content(text)
    for name, data in files.items():
        made.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    made.set_boundary("=====") if files else None
    return made.as_bytes()


def encrypted(archive: bytes) -> bytes:
    """Return a ZIP archive whose first entry says that it is encrypted."""
    data = bytearray(archive)
    data[6] |= 1
    data[data.find(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def injured(archive: bytes, content: bytes) -> bytes:
    """Return an archive in which some stored bytes are others now."""
    assert content in archive
    return archive.replace(content, bytes(len(content)))


def stored(files: Mapping[str, bytes]) -> bytes:
    """Return a ZIP archive without compression."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return file.getvalue()
