"""How much of what one document holds is read? Every limit, and the error that names it."""

from ragflow.errors import RagflowError

#: What lies in an archive, in an archive in that, and so on.
DEEPEST = 5
#: Documents in one file, those in archives in it included.
MOST_MEMBERS = 10_000
#: Entries of one archive, folders and links included, and what a tar archive says between them.
MOST_ENTRIES = 50_000
#: The same of one file, that of archives in it included.
MOST_LOOKED_AT = 200_000
#: Attributes that a tar archive states apart from its entries, of one file.
MOST_ATTRIBUTES = 1_000_000
#: Bytes of one document in an archive.
MOST_OF_ONE = 100_000_000
#: Bytes of an archive in an archive, which is held in memory while it is looked through.
MOST_NESTED = 50_000_000
#: Bytes that one file may expand to: so many, or so many times its own if that is more, but never
#: more than the last.
FREE, RATIO, MOST_BYTES = 256 << 20, 200, 2 << 30
#: Lines of the mails in one file, each of which costs time: so many, or one for each of its bytes
#: if that is more, but never more than the last.
FREE_LINES, MOST_LINES = 2_000_000, 20_000_000

_HINT = "unpack it into a folder"


#: What stands for documents that are left out and have no other place to say so.
REST = "(more)"


class OverLimitError(RagflowError):
    """A document holds more than is read; raised within `containers` only."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence, hint=_HINT)
        self.code = code
        self.sentence = f"{sentence}: {_HINT}"


class Allowance:
    """What may still be read of one file."""

    def __init__(self, size: int) -> None:
        """Take the bytes that the file has."""
        self._most = min(MOST_BYTES, max(FREE, RATIO * size))
        self._bytes = self._most
        self._members = MOST_MEMBERS
        self._entries = MOST_LOOKED_AT
        self._attributes = MOST_ATTRIBUTES
        self._most_lines = self._lines = min(MOST_LINES, max(FREE_LINES, size))

    def spend(self, number: int) -> None:
        """Take so many expanded bytes; raise `OverLimitError` where there are no more."""
        self._bytes -= number
        if self._bytes < 0:
            raise OverLimitError(
                "too_large",
                f"expands to more than {self._most >> 20:,} MiB, and what lies beyond is not read",
            )

    def count(self) -> None:
        """Take one document; raise `OverLimitError` where there are no more."""
        if not self._members:
            raise OverLimitError(
                "too_many",
                f"holds more than {MOST_MEMBERS:,} documents, and the others are not read",
            )
        self._members -= 1

    def look(self, number: int = 1) -> None:
        """Take so many entries, wanted or not; raise `OverLimitError` where there are no more."""
        self._entries -= number
        if self._entries < 0:
            raise OverLimitError(
                "too_many",
                f"holds more than {MOST_LOOKED_AT:,} entries, those of archives in it included,"
                " and the others are not read",
            )

    def read_lines(self, number: int) -> None:
        """Take so many lines of a mail; raise `OverLimitError` where there are no more."""
        self._lines -= number
        if self._lines < 0:
            raise OverLimitError(
                "too_large",
                f"holds mails of more than {self._most_lines:,} lines, and what is attached to the"
                " others is not read",
            )

    def attribute(self) -> None:
        """Take an attribute of entries; raise `OverLimitError` where there are no more."""
        self._attributes -= 1
        if self._attributes < 0:
            raise OverLimitError(
                "too_many",
                f"states more than {MOST_ATTRIBUTES:,} attributes of its entries, and what lies"
                " beyond is not read",
            )


def too_many_entries(*, read: str = "none is") -> OverLimitError:
    """Return the error of an archive that is not looked through, or not to its end."""
    sentence = f"has more than {MOST_ENTRIES:,} entries, and {read} read"
    return OverLimitError("too_many", sentence)


def too_large(size: int) -> tuple[str, str]:
    """Return why a document in an archive is left out."""
    return ("too_large", f"has {size:,} bytes, more than the {MOST_OF_ONE:,} that are read of one")


def too_large_inside(size: int) -> tuple[str, str]:
    """Return why an archive in an archive is left out."""
    sentence = f"is an archive of {size:,} bytes in another, more than the {MOST_NESTED:,} opened"
    return ("too_large", f"{sentence}: {_HINT}")


def rest_of_mail(why: str) -> tuple[str, str]:
    """Return why what a mail has beyond a limit is left out; `why` is what follows "the mail"."""
    sentence = f"stands for what is not read of the mail it lies in, which {why}"
    return ("too_many", f"{sentence}: save that as files")


def mail_too_large(size: int) -> tuple[str, str]:
    """Return why what is attached to a mail in a container is left out."""
    sentence = f"stands for what is attached to the mail it lies in, which has {size:,} bytes, more"
    return ("too_large", f"{sentence} than the {MOST_NESTED:,} opened: {_HINT}")


def mail_too_deep() -> tuple[str, str]:
    """Return why what is attached to a mail in containers is left out."""
    sentence = f"stands for what is attached to the mail it lies in, which is within {DEEPEST}"
    return ("too_deep", f"{sentence} others, and no more are opened: save that as files")


def too_deep() -> tuple[str, str]:
    """Return why an archive in archives is left out."""
    return ("too_deep", f"is an archive within {DEEPEST} others, and no more are opened: {_HINT}")
