"""How does a row travel through JSON and back, exactly?"""

import json
import math
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from ragflow.documents import Vector
from ragflow.errors import UsageError
from ragflow.interfaces.ingestion import StoredRow


def encode(row: StoredRow) -> str:
    """Return a row's text, payload and default vector as canonical JSON.

    Equal rows give equal strings. Raises `UsageError` for a payload that is no JSON: other
    types, keys that are no strings, numbers that are not finite. A tuple comes back as a list.
    """
    body = {
        "text": row.text,
        "payload": plain(row.payload, row.id),
        "vector": b64encode(row.vectors[""].half).decode("ascii"),
    }
    written = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    if is_unicode(written):
        return written
    return json.dumps(body, ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def decode(row_id: str, body: str, *, vectors: bool) -> StoredRow:
    """Return the row that was encoded, with its vector when `vectors`."""
    kept = json.loads(body)
    found = {"": Vector(b64decode(kept["vector"]))} if vectors else {}
    return StoredRow(id=row_id, text=kept["text"], payload=kept["payload"], vectors=found)


def half_of(body: str) -> bytes:
    """Return the bytes of the vector in an encoded row."""
    return b64decode(json.loads(body)["vector"])


def is_readable(body: Any, *, dimension: int) -> bool:
    """Tell whether something is a row as `encode` writes it, with a vector of that length.

    Others may have written to the same database, or have damaged what we wrote.
    """
    if not isinstance(body, str):
        return False
    try:
        kept = json.loads(body)
        is_whole = isinstance(kept["text"], str) and isinstance(kept["payload"], dict)
        return is_whole and len(b64decode(kept["vector"], validate=True)) == 2 * dimension
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def plain(payload: Mapping[str, Any], row_id: str) -> dict[str, Any]:
    """Return the payload as JSON's own types; raise `UsageError` where it has others."""
    found: dict[str, Any] = _plain(payload, f"payload of row {row_id!r}")
    return found


def is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8: half a surrogate pair cannot."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        raise UsageError(f"{where}: {value!r} is no finite number", hint="leave the key out")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise UsageError(f"{where}: the key {key!r} is no string")
        return {key: _plain(each, f"{where}, key {key!r}") for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, where) for each in value]
    raise UsageError(
        f"{where}: {type(value).__name__} is no JSON",
        hint="use strings, numbers, true, false, null, lists and objects",
    )
