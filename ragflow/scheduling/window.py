"""How many owners may be on their way at the same time?"""


class Window:
    """Bounds the owners in flight by number and by the bytes their values weigh.

    One owner always fits, however large.
    """

    def __init__(self, *, owners: int, size: int) -> None:
        self._owners = owners
        self._size = size
        self._weights: dict[int, int] = {}
        self._weight = 0

    def __len__(self) -> int:
        return len(self._weights)

    def has_room(self) -> bool:
        """Tell whether another owner may enter."""
        return len(self._weights) < self._owners and self._weight < self._size

    def enter(self, number: int, weight: int) -> None:
        """Let an owner in, or give one that is in another weight."""
        self._weight += weight - self._weights.get(number, 0)
        self._weights[number] = weight

    def leave(self, number: int) -> None:
        """Let an owner go."""
        self._weight -= self._weights.pop(number)
