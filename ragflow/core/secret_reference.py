"""How is a secret named without being told?"""

from ragflow.errors import ParameterError


class Secret:
    """A reference to a secret: ``env:NAME`` or ``file:PATH``.

    The reference is stored, shown and fingerprinted; the secret itself is resolved in the
    worker, just before a resource is opened, and never kept.
    """

    __slots__ = ("reference",)

    def __init__(self, reference: str) -> None:
        """Raise `ParameterError`, without repeating it, for what may be the secret itself."""
        kind, _, name = reference.partition(":")
        if kind not in ("env", "file") or not name:
            raise ParameterError(
                "a secret was given that is neither env:NAME nor file:PATH",
                hint="name where it is kept; ragflow stores the name and never the secret",
            )
        self.reference = reference

    def __identity__(self) -> str:
        """Return the reference: what a fingerprint may know of a secret."""
        return self.reference

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reference == self.reference

    def __hash__(self) -> int:
        return hash(self.reference)

    def __repr__(self) -> str:
        return f"Secret({self.reference!r})"
