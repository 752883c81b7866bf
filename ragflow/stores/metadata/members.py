"""Who is in a group? For lineage: what a group is made of is compared by its token alone."""

from collections.abc import Sequence

from sqlalchemy import Connection

from ragflow.core.records import Instance, OwnerCommit
from ragflow.stores.metadata.definitions import Definitions

_CLEAR = "DELETE FROM member WHERE owner = (SELECT owner FROM seen WHERE source = ? AND key = ?)"
_ADD = "INSERT INTO member (owner, member, fingerprint) SELECT g.owner, m.owner, ? \
FROM seen AS g JOIN seen AS m ON m.source = ? AND m.key = ? WHERE g.source = ? AND g.key = ? \
ON CONFLICT (owner, member) DO UPDATE SET fingerprint = excluded.fingerprint"


def write_members(
    connection: Connection,
    definitions: Definitions,
    instance: Instance,
    owners: Sequence[OwnerCommit],
) -> None:
    """Write who is in the groups among these owners; to be called once all of them are seen."""
    groups = [owner for owner in owners if owner.members is not None]
    if not groups:
        return
    cleared, added = [], []
    for group in groups:
        place = (definitions.find_source(connection, instance.id, group.source), group.key)
        cleared.append(place)
        for source, key, fingerprint in group.members or ():
            number = definitions.find_source(connection, instance.id, source)
            added.append((fingerprint, number, key, *place))
    connection.exec_driver_sql(_CLEAR, cleared)
    if added:
        connection.exec_driver_sql(_ADD, added)
