"""What is in a ZIP archive?"""

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial

from ragflow.parsing.containers.entry import DamagedMemberError, Entry
from ragflow.parsing.containers.limits import MOST_ENTRIES, Allowance, too_many_entries
from ragflow.parsing.expanding import BLOCK

#: What an archive begins with that is not empty, and each of its entries.
_ENTRY = b"PK\x03\x04"
#: What each entry of an archive's directory begins with.
_LISTED = b"PK\x01\x02"
_IS_LOCKED, _IS_UTF8 = 0x1, 0x800
#: What else there is may expand without an end to it.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class _Counted(io.BytesIO):
    """Bytes that hand out no directory of more entries than are looked at."""

    def __init__(self, data: bytes, allowance: Allowance) -> None:
        super().__init__(data)
        #: None once the directory was read.
        self.allowance: Allowance | None = allowance

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes; the library asks for its directory at once."""
        data = super().read(size)
        if self.allowance is not None:
            number = data.count(_LISTED)
            if number > MOST_ENTRIES:
                raise too_many_entries()
            self.allowance.look(number)
        return data


def zip_entries(data: bytes, allowance: Allowance) -> Iterator[Entry]:
    """Yield the files of an archive, in the order of its directory.

    Raises what the library raises where it is damaged, and `OverLimitError`.
    """
    counted = _Counted(data, allowance)
    archive = zipfile.ZipFile(counted)
    counted.allowance = None
    listed = archive.infolist()
    # One that was cut off has no directory, and the library takes that of an archive which is
    # stored in it. What unpacks itself begins with a program instead.
    if data.startswith(_ENTRY) and all(info.header_offset for info in listed):
        raise zipfile.BadZipFile("the directory does not list what the archive begins with")
    for info in listed:
        mode = info.external_attr >> 16
        # Not `is_dir`, which raises where an entry has no name.
        if info.filename.endswith("/") or (mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG)):
            continue
        blocks = partial(_blocks, archive, info, allowance)
        yield Entry(_name(info), info.file_size, blocks, _skip(info))


def _name(info: zipfile.ZipInfo) -> str:
    if info.flag_bits & _IS_UTF8:
        return info.filename
    try:  # many write UTF-8 without saying so
        return info.filename.encode("cp437").decode()
    except UnicodeError:
        return info.filename


def _skip(info: zipfile.ZipInfo) -> tuple[str, str] | None:
    if info.flag_bits & _IS_LOCKED:
        return ("encrypted", "is encrypted in its archive: save it there without the password")
    if info.compress_type not in _METHODS:
        return (
            "unsupported_type",
            "is compressed in its archive in a way that is not read: pack it again with deflate",
        )
    return None


def _blocks(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, allowance: Allowance
) -> Iterator[bytes]:
    try:
        with archive.open(info) as file:
            while block := file.read(BLOCK):
                allowance.spend(len(block))
                yield block
    except (EOFError, ValueError, OSError, NotImplementedError) as error:
        raise DamagedMemberError(str(error)) from error
    except (zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise DamagedMemberError(str(error)) from error
