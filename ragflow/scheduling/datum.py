"""How does a value wait inside a run: as an object, as bytes, or not yet fetched?"""

from collections.abc import Callable, Mapping
from typing import Any

from ragflow.core.items import Envelope, Fingerprint

_NOT_YET = object()


class Datum:
    """One value on its way through the tasks: its fingerprint, envelope and how to get it.

    The fingerprint is known from the start, so memos are asked before anything is fetched.
    `value()` may be called on any thread; it fetches at most once per thread racing.
    """

    __slots__ = ("_fetch", "_value", "envelope", "fingerprint")

    def __init__(
        self,
        fingerprint: Fingerprint,
        envelope: Envelope,
        *,
        value: Any = _NOT_YET,
        fetch: Callable[[], Any] | None = None,
    ) -> None:
        self.fingerprint = fingerprint
        self.envelope = envelope
        self._value = value
        self._fetch = fetch

    def value(self) -> Any:
        """Return the value, fetching or decoding it now if need be."""
        fetch = self._fetch
        # Told by `_fetch`, which another thread clears only when the value is there.
        if fetch is not None:
            self._value = fetch()
            self._fetch = None
        return self._value

    def at(self, envelope: Mapping[str, Any]) -> "Datum":
        """Return the same value with another envelope."""
        if self._value is not _NOT_YET:
            return Datum(self.fingerprint, envelope, value=self._value)
        return Datum(self.fingerprint, envelope, fetch=self.value)
