"""What documents does one document hold, and by what is the content of each recognized?"""

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from ragflow.documents import digest_hash, digest_of
from ragflow.errors import SkipDocument
from ragflow.interfaces.unpacking import INSIDE
from ragflow.parsing.containers.entry import DamagedMemberError, Entry, IncompleteError
from ragflow.parsing.containers.kinds import ARCHIVES, CONTAINERS, entries
from ragflow.parsing.containers.limits import (
    DEEPEST,
    MOST_NESTED,
    MOST_OF_ONE,
    REST,
    Allowance,
    OverLimitError,
    mail_too_deep,
    mail_too_large,
    too_deep,
    too_large,
    too_large_inside,
)
from ragflow.parsing.containers.names import Names
from ragflow.parsing.media_types import HEAD, media_type

#: Begins the token of a document that cannot be read out of its archive.
DAMAGED = b"damaged"


@dataclass(frozen=True, slots=True)
class Held:
    """One document in another."""

    #: Its path in the outermost, ``!/`` between a container and what that holds.
    name: str
    #: The digest of its bytes; of its container's after `DAMAGED` where they cannot be had.
    token: bytes
    #: Bytes, as is stated where they were not read.
    size: int
    #: Why it is left out: a code and what follows "it".
    skip: tuple[str, str] | None = None


@dataclass(slots=True)
class Scan:
    """What a document holds."""

    #: By name.
    held: list[Held] = field(default_factory=list)
    #: The containers that cannot be read: nobody knows what they hold. Empty for itself.
    damaged: list[str] = field(default_factory=list)
    #: Why not all it holds is read, where it says nothing itself.
    skip: tuple[str, str] | None = None
    #: Whether there was more that nobody asked for.
    is_part: bool = False


def scan(data: bytes, kind: str, *, takes: Callable[[str], bool] = lambda _: True) -> Scan:
    """Return what a document holds, archives in it and what they hold included.

    `takes` is asked by path whether a document is wanted. Deterministic. Expands a bounded
    number of bytes and never holds more than a few archives in memory; raises nothing on
    whatever bytes.
    """
    scanning = _Scanning(Allowance(len(data)), takes)
    with suppress(OverLimitError):  # written down where it was met
        scanning.container(data, kind, "", 1)
    found = scanning.found
    found.held.sort(key=lambda each: each.name)
    return found


class _Scanning:
    """One document while it is looked through."""

    def __init__(self, allowance: Allowance, takes: Callable[[str], bool]) -> None:
        self.found = Scan()
        self._allowance = allowance
        self._takes = takes
        #: The archives that are open, from the outermost: the path of each, and its place.
        self._open: list[tuple[str, bool]] = []

    def container(self, data: bytes, kind: str, path: str, depth: int) -> None:
        """Look through one container; `path` is its own, empty for the outermost."""
        before = len(self.found.held)
        self._open.append((path, kind in ARCHIVES))
        try:
            self._entries(data, kind, path, depth)
        except OverLimitError as error:
            self._limit(error, path)
            raise
        except SkipDocument:
            pass  # it says why itself when it is read: it is encrypted, or too large
        except IncompleteError:
            self.found.damaged.append(path)
        except (Exception, RecursionError):  # noqa: BLE001 - libraries raise anything on such bytes
            # What was found before the damage may be half of the truth.
            del self.found.held[before:]
            self.found.damaged.append(path)
        finally:
            self._open.pop()

    def _entries(self, data: bytes, kind: str, path: str, depth: int) -> None:
        names = Names()
        start = f"{path}{INSIDE}" if path else ""
        for entry in entries(kind, data, self._allowance):
            name = start + names.give(entry.name)
            if not entry.is_rest and not self._takes(name):
                self.found.is_part = True
                continue
            self._allowance.count()
            if entry.skip is not None:
                self._leave_out(name, entry, entry.skip)
            elif entry.size > MOST_OF_ONE:
                self._leave_out(name, entry, too_large(entry.size))
            else:
                self._member(name, entry, depth, lambda: digest_of(data))

    def _leave_out(self, name: str, entry: Entry, skip: tuple[str, str]) -> None:
        token = blake2b(f"{entry.size}".encode(), digest_size=20).digest()
        self.found.held.append(Held(name, token, entry.size, skip))

    def _member(self, name: str, entry: Entry, depth: int, digest: Callable[[], bytes]) -> None:
        named = digest_hash()
        kept: list[bytes] = []
        size, inner = 0, ""
        try:
            for block in _gathered(entry):
                named.update(block)
                if not size:
                    kind = media_type(block[:HEAD], name)
                    inner = kind if kind in CONTAINERS else ""
                size += len(block)
                if inner and size <= MOST_NESTED:
                    kept.append(block)
        except DamagedMemberError:
            self.found.held.append(Held(name, DAMAGED + digest(), entry.size))
            return
        held = Held(name, named.digest(), size)
        place = len(self.found.held)
        self.found.held.append(held)
        if not inner:
            return
        is_within = size <= MOST_NESTED
        if depth < DEEPEST and is_within:
            self.container(b"".join(kept), inner, name, depth + 1)
        elif inner in ARCHIVES:
            why = too_deep() if depth >= DEEPEST else too_large_inside(size)
            self.found.held[place] = replace(held, skip=why)
        elif not is_within:
            self._rest(name, mail_too_large(size))
        elif self._holds_any(b"".join(kept), inner):
            self._rest(name, mail_too_deep())

    def _rest(self, path: str, why: tuple[str, str], taken: Collection[str] = ()) -> None:
        """Write down that not all is read of a mail, which has a text of its own that is."""
        name = free = f"{path}{INSIDE if path else ''}{REST}"
        number = 1
        while free in taken:  # something attached may be called so
            number += 1
            free = f"{name} ({number})"
        self.found.held.append(Held(free, b"more", 0, why))

    def _holds_any(self, data: bytes, kind: str) -> bool:
        """Return whether anything is attached to a mail; False where it cannot be read."""
        try:
            return any(True for _ in entries(kind, data, self._allowance))
        except OverLimitError:
            raise
        except (Exception, RecursionError):  # noqa: BLE001 - libraries raise anything on such bytes
            return False  # it says why itself when it is read

    def _limit(self, error: OverLimitError, path: str) -> None:
        """Write a limit down where people look: at the innermost archive that is open."""
        why = (error.code, error.sentence)
        archives = [each for each, is_archive in self._open if is_archive]
        if self._is_told(why):
            return
        if not archives:  # a mail has a text of its own: told where what is left out would be
            self._rest(path, why, taken={each.name for each in self.found.held})
        elif not archives[-1]:
            self.found.skip = why
        else:
            for place, each in enumerate(self.found.held):
                if each.name == archives[-1]:
                    self.found.held[place] = replace(each, skip=why)

    def _is_told(self, why: tuple[str, str]) -> bool:
        return self.found.skip == why or any(each.skip == why for each in self.found.held)


def _gathered(entry: Entry) -> Iterator[bytes]:
    """Yield the bytes of an entry, the first of them enough to tell what they are."""
    first: list[bytes] = []
    gathered = 0
    for block in entry.blocks():
        if gathered >= HEAD:
            yield block
            continue
        first.append(block)
        gathered += len(block)
        if gathered >= HEAD:
            yield b"".join(first)
    if gathered < HEAD:
        yield b"".join(first)
