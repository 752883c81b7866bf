"""How do a fire and its run begin, or go on, in one transaction?"""

from datetime import datetime

from sqlalchemy import Connection

from ragflow.core.fires import Firing
from ragflow.errors import FireTakenError
from ragflow.stores.metadata.connections import fetch
from ragflow.stores.metadata.encoding import to_microseconds


def begin_fire(connection: Connection, firing: Firing, run: int, now: datetime) -> None:
    """Record that a run begins for a fire, inside the transaction in which it begins.

    Earlier runs of its instance are over by then, in this transaction if need be: who begins one
    holds the instance. Raises `FireTakenError` where another run does, or did.
    """
    instant, at = to_microseconds(firing.instant), to_microseconds(now)
    place = (firing.schedule_id, instant)
    statement = "SELECT f.state, f.run, r.state FROM fire AS f LEFT JOIN run AS r ON r.id = f.run \
WHERE f.schedule = ? AND f.instant = ? AND f.count = 1"
    rows = fetch(connection, statement, place)
    state, other, came_to = rows[0] if rows else (None, None, None)
    is_open = came_to in ("running", "paused", "cancelling")
    if firing.is_queued:
        is_free = state == "queued"
    else:
        is_free = state != "fired" or came_to in ("failed", "cancelled")
        is_free = is_free or (firing.is_again and came_to is not None and not is_open)
    if not is_free:
        raise _taken(firing, other, is_open=is_open)
    if rows:
        statement = "UPDATE fire SET state = 'fired', run = ?, at = ? \
WHERE schedule = ? AND instant = ? AND count = 1"
        connection.exec_driver_sql(statement, (run, at, *place))
    else:
        statement = "INSERT INTO fire (schedule, instant, last, count, state, run, due, at) \
VALUES (?, ?, ?, 1, 'fired', ?, ?, ?)"
        connection.exec_driver_sql(statement, (*place, instant, run, instant, at))


def go_on_with_fire(connection: Connection, run: int, *, is_queued: bool, now: datetime) -> None:
    """Record that the fire of a run waits no more, since the run is taken up.

    Where it must wait (`is_queued`) and does not, another service was first: `FireTakenError`.
    """
    statement = "UPDATE fire SET state = 'fired', at = ? WHERE run = ? AND state = 'queued'"
    found = connection.exec_driver_sql(statement, (to_microseconds(now), run))
    if is_queued and found.rowcount != 1:
        raise FireTakenError(f"run {run} was taken up already")


def _taken(firing: Firing, run: int | None, *, is_open: bool) -> FireTakenError:
    instant = firing.instant.isoformat()
    if is_open:
        return FireTakenError(
            f"it was fired for {instant} already by run {run}, which is not over",
            hint=f"wait for its end; if it was cut off, `ragflow resume {run}` takes it up",
        )
    by = "" if run is None else f" by run {run}"
    return FireTakenError(
        f"it was fired for {instant} already{by}",
        hint=None if firing.is_again else "say --again to fire it once more",
    )
