"""Which groups are there, and who is in each?"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

from ragflow.core.items import Item
from ragflow.core.members import Members
from ragflow.core.pipeline_graph import Node
from ragflow.core.records import Listed, Loaded
from ragflow.errors import RunError, SkipDocument
from ragflow.incremental.fingerprint import fingerprint, fingerprint_value
from ragflow.scheduling.calls import Stop
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.owners import ContentChangedError
from ragflow.scheduling.walk import Table

#: Group, member and value of each item of one owner.
Assigned = list[tuple[str, str, Datum]]


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

    def __init__(self, grouping: Node) -> None:
        self._by: Callable[[Item[Any]], str] = grouping.subject
        self._over = grouping.data[0]
        self._name = grouping.source
        self._groups: dict[str, list[tuple[str, Datum]]] = defaultdict(list)
        #: Whether every owner was gathered; if not, no group is known to be gone.
        self.is_complete = True

    def assign(self, owner: str, tables: Mapping[str, Table | Stop]) -> Assigned | Stop:
        """Return the items of one owner with their groups, or why it has none.

        Raises `RunError` when the function that names the group fails.
        """
        table = tables[self._over]
        if isinstance(table, Stop):
            return table
        assigned = []
        for path, datum in table.items():
            member = f"{owner}#{'.'.join(map(str, path))}" if path else owner
            try:
                assigned.append((self._key(owner, datum), member, datum))
            except OSError as error:  # its value could not be fetched
                return Stop(self._name, path, error)
        return assigned

    def take(self, assigned: Assigned) -> None:
        """Take items into their groups."""
        for key, member, datum in assigned:
            self._groups[key].append((member, datum))

    def miss(self) -> None:
        """Record that an owner failed whose items belong somewhere."""
        self.is_complete = False

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
        """Yield every group."""
        yield [Listed(key, self._members(key).__fingerprint__()) for key in sorted(self._groups)]

    def load(self, key: str, token: bytes) -> Loaded:
        """Return the members of a group."""
        del token  # the members are those gathered in this run
        members = self._members(key)
        return Loaded(members, fingerprint_value(members), {}, 0)

    def _members(self, key: str) -> Members[Any]:
        found = sorted(self._groups[key], key=lambda pair: pair[0])
        names = [
            part
            for member, datum in found
            for part in (member.encode("utf-8", "surrogatepass"), datum.fingerprint)
        ]
        return Members(
            key,
            [member for member, _ in found],
            [partial(_value_of, datum) for _, datum in found],
            fingerprint("members", [key.encode("utf-8", "surrogatepass"), *names]),
        )


def _value_of(datum: Datum) -> Any:
    """Return a member's value; what changed since it was gathered is tried by the next run."""
    try:
        return datum.value()
    except ContentChangedError as error:
        raise OSError("a member changed while the run went on") from error


class Gatherings:
    """All groupings that the items of one origin are brought together by."""

    def __init__(self, gatherings: Sequence[Gathering]) -> None:
        self._gatherings = gatherings

    def gather(self, owner: str, tables: Mapping[str, Table | Stop]) -> Stop | None:
        """Take the items of one owner into their groups; return why it has none."""
        found = [(each, each.assign(owner, tables)) for each in self._gatherings]
        stopped = None
        for gathering, assigned in found:
            if isinstance(assigned, Stop):
                stopped = assigned
                self._miss(gathering, assigned)
            else:
                gathering.take(assigned)
        return stopped

    def miss(self, stop: Stop) -> None:
        """Record that an owner could not be loaded."""
        for gathering in self._gatherings:
            self._miss(gathering, stop)

    def _miss(self, gathering: Gathering, stop: Stop) -> None:
        if not isinstance(stop.error, SkipDocument):
            gathering.miss()
