"""Where could a run be cut off, so that the next one finds something else than before?

Every commit of the home and every change of a target is followed by a point. Tests listen,
and kill or stop their own process there; nothing else does, and then a point costs nothing
that could be measured.
"""

from collections.abc import Callable

#: Told the name of every point as it is reached, on the thread that reached it.
Listener = Callable[[str], None]

_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Tell a listener of every point from now on, to the end of the process."""
    _listeners.append(listener)


def is_heard() -> bool:
    """Tell whether anybody listens, for who would have to make up a name first."""
    return bool(_listeners)


def reached(point: str) -> None:
    """Tell who listens that a point is reached."""
    for listener in _listeners:
        listener(point)
