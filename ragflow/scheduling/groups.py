"""Which groups are there, who is in each, and who is missing?"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

import msgspec

from ragflow.core.items import Envelope, Fingerprint, Item
from ragflow.core.members import Members
from ragflow.core.node import Node
from ragflow.core.records import Listed, Loaded
from ragflow.errors import RunError
from ragflow.incremental.fingerprint import fingerprint, fingerprint_value
from ragflow.interfaces.orchestration import Memos
from ragflow.scheduling.calls import Call, Path, Stop, recall
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.descent import Table, is_skip, weigh
from ragflow.scheduling.owners import ContentChangedError
from ragflow.scheduling.walk import MemoPart, Remembered

#: Returns again a value that a memo keeps.
Recall = Callable[[MemoPart], Any]
#: A part of an owner; parts of one owner are ordered by their numbers.
Name = tuple[str, Path]


class Assigned(msgspec.Struct, frozen=True):
    """What one owner brings to the groups of one grouping."""

    #: Group, member and value of each item.
    members: Sequence[tuple[str, Name, Datum]]
    #: Group and member of each that failed; None for a group that cannot be known.
    missing: Sequence[tuple[str | None, Name]]
    #: Why not all of it is there, None where all is, or what is not was only left out.
    stop: Stop | None


class _Entry(msgspec.Struct, frozen=True):
    """A member of a group."""

    member: Name
    fingerprint: Fingerprint
    fetch: Callable[[], Any]


class _UnknownError(Exception):
    """What a failed item would have held was asked for."""


class _Gathered:
    """An item whose value is fetched only when it is asked for."""

    __slots__ = ("_datum", "envelope", "key")

    def __init__(self, key: str, datum: Datum) -> None:
        self.key = key
        self.envelope = datum.envelope
        self._datum = datum

    @property
    def value(self) -> Any:
        return self._datum.value()


class _Failed:
    """An item that failed: it has a key, perhaps an envelope, and no value."""

    __slots__ = ("_envelope", "key")

    def __init__(self, key: str, envelope: Envelope | None) -> None:
        self.key = key
        self._envelope = envelope

    @property
    def envelope(self) -> Envelope:
        if self._envelope is None:
            raise _UnknownError
        return self._envelope

    @property
    def value(self) -> Any:
        raise _UnknownError


#: How the ledger tells groupings from sources; `group` puts it before every name.
_PREFIX = "group:"


def is_group(source: str) -> bool:
    """Tell whether this name of a source is that of a grouping."""
    return source.startswith(_PREFIX)


class Gathering:
    """The groups of one grouping: filled while its items stream by, then listed as a source.

    A group is an owner: its key outlives the run, its token is the fingerprint of its
    members, and it is gone when nothing is in it any more.
    """

    #: Members are in memory once they were gathered.
    is_at_hand = True

    def __init__(self, grouping: Node, *, over: str = "") -> None:
        """Take the grouping, and the name of the source whose items it brings together."""
        self._by: Callable[[Item[Any]], str] = grouping.subject
        self._over = grouping.data[0]
        self._alike = grouping.alike
        self._name = grouping.source
        self._over_source = over
        # No value is kept: what it is known by, and how to get it.
        self._groups: dict[str, list[_Entry]] = defaultdict(list)
        self._missing: dict[str, list[Name]] = defaultdict(list)
        #: Whether each owner's group is known; if not, no group is known to be gone.
        self.is_complete = True

    def assign(self, owner: str, tables: Mapping[str, Table]) -> Assigned:
        """Return the items of one owner with their groups, and those that failed.

        Raises `RunError` when the function that names the group fails.
        """
        members: list[tuple[str, Name, Datum]] = []
        missing: list[tuple[str | None, Name]] = []
        stops: list[Stop] = []
        for path, entry in tables[self._over].items():
            member = (owner, path)
            if isinstance(entry, Stop):
                stops.append(entry)
                if not is_skip(entry):
                    envelope = self._envelope(tables, path)
                    missing.append((self._key_of_failed(owner, envelope), member))
                continue
            try:
                members.append((self._key(owner, entry), member, entry))
            except OSError as error:  # its value could not be fetched
                stops.append(Stop(self._name, path, error))
                missing.append((None, member))
        return Assigned(members, missing, weigh(stops, is_anything_there=bool(members)))

    def take(self, assigned: Assigned, recalled: Recall | None = None) -> None:
        """Take items into their groups; what a memo keeps is not kept here."""
        for key, member, datum in assigned.members:
            fetch = _fetch(datum, recalled)
            self._groups[key].append(_Entry(member, datum.fingerprint, fetch))
        for group, member in assigned.missing:
            self._miss(group, member)

    def miss(self, owner: str | None = None) -> None:
        """Record that an owner failed, all of whose items belong somewhere."""
        if owner is None:
            self.is_complete = False
        else:
            self._miss(self._key_of_failed(owner, None), (owner, ()))

    def _miss(self, group: str | None, member: Name) -> None:
        if group is None:
            self.is_complete = False
        else:
            self._missing[group].append(member)

    def _envelope(self, tables: Mapping[str, Table], path: Path) -> Envelope | None:
        """Return the envelope that an item would have had, had it not failed."""
        for name in self._alike:
            entry = tables.get(name, {}).get(path)
            if isinstance(entry, Datum):
                return entry.envelope
        return None

    def _key_of_failed(self, owner: str, envelope: Envelope | None) -> str | None:
        try:
            key: Any = self._by(cast(Item[Any], _Failed(owner, envelope)))
        except Exception:  # noqa: BLE001 - it looks at what is not there
            return None
        return key if isinstance(key, str) else None

    def _key(self, owner: str, datum: Datum) -> str:
        try:
            # Most functions look at the key alone; then nothing is fetched or decoded.
            key = self._by(cast(Item[Any], _Gathered(owner, datum)))
        except (ContentChangedError, OSError):
            raise
        except Exception as error:
            raise RunError(
                f"{self._name}: no group could be found for {owner!r}: "
                f"{type(error).__name__}: {error}",
                hint="correct the function given to group(by=...)",
            ) from error
        if not isinstance(key, str):
            raise RunError(
                f"{self._name}: the key of a group must be a text, not {key!r}",
                hint="let the function given to group(by=...) return a str",
            )
        return key

    def locator(self) -> Mapping[str, Any]:
        """Return nothing: groups come from items, not from a place."""
        return {}

    def list(self) -> Iterator[Sequence[Listed]]:
        """Yield every group, those of which every member is missing too."""
        for key in sorted(self._groups.keys() | self._missing.keys()):
            yield [Listed(key, self._members(key).__fingerprint__())]

    def load(self, key: str, token: bytes) -> Loaded:
        """Return the members of a group."""
        del token  # the members are those gathered in this run
        members = self._members(key)
        return Loaded(members, fingerprint_value(members), {}, 0)

    def members_of(self, key: str) -> Sequence[tuple[str, str, Fingerprint]]:
        """Return source and key of the owners in a group, with the fingerprint of their items.

        Of an owner that belongs in it and failed, that is empty.
        """
        found: dict[str, list[Fingerprint]] = {owner: [] for owner, _ in self._missing.get(key, ())}
        for entry in sorted(self._groups.get(key, ()), key=lambda entry: entry.member):
            found.setdefault(entry.member[0], []).append(entry.fingerprint)
        return [
            (self._over_source, owner, fingerprint("members", names) if names else b"")
            for owner, names in found.items()
        ]

    def _members(self, key: str) -> Members[Any]:
        found = sorted(self._groups.get(key, ()), key=lambda entry: entry.member)
        keys = [_member(entry.member) for entry in found]
        missing = [_member(member) for member in sorted(self._missing.get(key, ()))]
        names = [_encoded(key)]
        for member, entry in zip(keys, found, strict=True):
            names += (_encoded(member), entry.fingerprint)
        if missing:
            names += (b"missing", *map(_encoded, missing))
        fetch = [partial(_value_of, entry.fetch) for entry in found]
        return Members(key, keys, fetch, fingerprint("members", names), missing)


def _member(name: Name) -> str:
    owner, path = name
    return f"{owner}#{'.'.join(map(str, path))}" if path else owner


def _encoded(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")


def _fetch(datum: Datum, recalled: Recall | None) -> Callable[[], Any]:
    """Return how to get a value; it is not held where a memo gives it back."""
    if recalled is None or not isinstance(datum, Remembered):
        return datum.value
    return partial(recalled, datum.memo)


def recalling(memos: Memos, kinds: Mapping[str, str]) -> Recall:
    """Return what gives values back from memos; `kinds` names the type a task returns.

    It may be called on any thread. Raises `OSError` for a memo that is not there any more.
    """

    def recalled(part: MemoPart) -> Any:
        memo = memos.get_many([part.key]).get(part.key)
        if memo is None:
            raise OSError(f"what {part.node.name} made is not remembered any more")
        call = Call(part.node, (), (), "", part.key)
        return recall(call, memo, kinds[part.node.name])[part.number].value()

    return recalled


def _value_of(fetch: Callable[[], Any]) -> Any:
    """Return a member's value; what changed since it was gathered is tried by the next run."""
    try:
        return fetch()
    except ContentChangedError as error:
        raise OSError("a member changed while the run went on") from error


class Gatherings:
    """All groupings that the items of one origin are brought together by."""

    def __init__(self, gatherings: Sequence[Gathering]) -> None:
        self._gatherings = gatherings
        self._recalled: Recall | None = None

    def recall_from(self, memos: Memos, kinds: Mapping[str, str]) -> None:
        """Keep no value from now on that these memos keep; `kinds` as `recalling` takes them."""
        self._recalled = recalling(memos, kinds)

    def gather(self, owner: str, tables: Mapping[str, Table]) -> Stop | None:
        """Take the items of one owner into their groups; return why not all are there.

        Nothing is taken when it raises.
        """
        found = [(each, each.assign(owner, tables)) for each in self._gatherings]
        stopped = None
        for gathering, assigned in found:
            gathering.take(assigned, self._recalled)
            if assigned.stop is not None and (stopped is None or is_skip(stopped)):
                stopped = assigned.stop
        return stopped

    def miss(self, stop: Stop, owner: str | None = None) -> None:
        """Record that an owner could not be loaded; without its key its groups are unknown."""
        if is_skip(stop):
            return
        for gathering in self._gatherings:
            gathering.miss(owner)
