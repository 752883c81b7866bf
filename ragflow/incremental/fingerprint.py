"""What names a value, a call, an input, a definition, a row?

Every name is BLAKE2b with 20 bytes over length-prefixed parts under a domain tag, so names
of different kinds never meet.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from ragflow.core.items import Fingerprint
from ragflow.incremental.canonical import canonical
from ragflow.incremental.encoding import encode

#: Raised when the way anything below is computed changes: every memo is missed once.
FORMAT = b"1"


def fingerprint(domain: str, parts: Iterable[bytes]) -> Fingerprint:
    """Name a sequence of byte strings under a domain of at most 16 letters."""
    digest = _begun(domain).copy()
    update = digest.update
    for part in parts:
        update(len(part).to_bytes(8, "little"))
        update(part)
    name: Fingerprint = digest.digest()
    return name


@lru_cache(maxsize=64)
def _begun(domain: str) -> Any:
    # Beginning anew for every name costs as much as the rest of a short one.
    return blake2b(FORMAT, digest_size=20, person=domain.encode())


def fingerprint_value(value: Any, kind: str | None = None) -> Fingerprint:
    """Name a value that tasks hand each other.

    A value may name itself through ``__fingerprint__() -> bytes``; every other is named by
    its encoded bytes. The name of its type counts too; `kind` is that name where a task
    declares it.
    """
    own = getattr(value, "__fingerprint__", None)
    kind = type(value).__qualname__ if kind is None else kind
    return fingerprint_encoded(kind, own() if own is not None else encode(value))


def fingerprint_encoded(kind: str, data: bytes) -> Fingerprint:
    """Name a value of a type by that name whose encoded bytes are at hand."""
    return fingerprint("value", (kind.encode(), data))


def fingerprint_plain(value: Any) -> Fingerprint:
    """Name a plain value: parameters, identities, envelopes."""
    return fingerprint("plain", (canonical(value),))


def fingerprint_task(
    code: Fingerprint, parameters: Mapping[str, Any], resources: Mapping[str, Any]
) -> Fingerprint:
    """Name a task as a pipeline uses it: code, parameters, its resources' identities."""
    return fingerprint("task", (code, canonical(parameters), canonical(resources)))


def fingerprint_call(task: Fingerprint, inputs: Sequence[Fingerprint]) -> Fingerprint:
    """Name a call: what a memo is kept under."""
    return fingerprint("call", (task, *inputs))


def fingerprint_definition(task: Fingerprint, upstream: Sequence[Fingerprint]) -> Fingerprint:
    """Name everything that decides what a task makes of given content, names left out."""
    return fingerprint("definition", (task, *upstream))


def fingerprint_input(content: Fingerprint, metadata: Mapping[str, Any]) -> Fingerprint:
    """Name what an owner is served from: its content and its metadata."""
    return fingerprint("input", (content, encode(metadata)))


def fingerprint_envelope(envelope: Mapping[str, Any]) -> Fingerprint:
    """Name an envelope or a payload; the order of its entries does not count."""
    return fingerprint("envelope", (encode(envelope),))


def row_id(
    instance: Fingerprint, source: str, key: str, value: Fingerprint, occurrence: int
) -> str:
    """Name a row by instance, source, owner key, content and occurrence; 32 hex digits.

    The first half is `owner_mark`, so that a row says whose it is even where no ledger knows it.
    Made of nothing else, so that a clean build in another home gives the same ids.
    """
    parts = (*_owner(instance, source, key), value, occurrence.to_bytes(8, "little"))
    return owner_mark(instance, source, key) + fingerprint("row", parts)[:8].hex()


def owner_mark(instance: Fingerprint, source: str, key: str) -> str:
    """Return how the ids of all rows of an owner begin; 16 hex digits."""
    return fingerprint("owner", _owner(instance, source, key))[:8].hex()


def _owner(instance: Fingerprint, source: str, key: str) -> tuple[bytes, bytes, bytes]:
    return instance, source.encode(), key.encode("utf-8", "surrogatepass")
