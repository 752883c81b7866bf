"""Which of the calls made for an owner lead to what it has at each of its ends?"""

from collections.abc import Iterable, Mapping, Sequence

from ragflow.core.items import Fingerprint
from ragflow.core.node import Node
from ragflow.core.records import EndNow
from ragflow.scheduling.calls import Stop
from ragflow.scheduling.descent import weigh

#: Stands for the groups an owner belongs to; no generation has this number.
TO_GROUPS = 0


class Reached:
    """Tells which tasks lead to the ends of one origin, and to groups."""

    def __init__(
        self, nodes: Sequence[Node], ends: Mapping[str, Node], gathered: frozenset[str]
    ) -> None:
        self._nodes = {node.name: node for node in nodes}
        self._ends = ends
        self._gathered = gathered
        self._above: dict[str, frozenset[str]] = {}

    def calls(
        self, keys: Mapping[str, Sequence[Fingerprint]], ends: Mapping[str, EndNow]
    ) -> dict[int, list[Fingerprint]]:
        """Return the calls that lead to each of these ends, by generation.

        `keys` are what memos of the calls of each task are kept under.
        """
        found = {end.generation: _of(keys, self._leading_to(name)) for name, end in ends.items()}
        if self._gathered:
            found[TO_GROUPS] = _of(keys, self._gathered)
        return found

    def lapses(self, lapses: Mapping[str, Sequence[Stop]], ends: Iterable[str]) -> dict[str, Stop]:
        """Return by end why what it is served with is not all there could be.

        `lapses` say of tasks what they did without.
        """
        found = {}
        for end in ends:
            above = self._leading_to(end)
            missing = [stop for task, stops in lapses.items() if task in above for stop in stops]
            worst = weigh(missing, is_anything_there=True)
            if worst is not None:
                found[end] = worst
        return found

    def _leading_to(self, end: str) -> frozenset[str]:
        if end not in self._above:
            above: set[str] = set()
            waiting = [self._ends[end]]
            while waiting:
                node = waiting.pop()
                if node.name not in above:
                    above.add(node.name)
                    names = (*node.data, *node.after)
                    waiting += [self._nodes[name] for name in names if name in self._nodes]
            self._above[end] = frozenset(above)
        return self._above[end]


def _of(keys: Mapping[str, Sequence[Fingerprint]], tasks: Iterable[str]) -> list[Fingerprint]:
    return [key for task in tasks for key in keys.get(task, ())]
