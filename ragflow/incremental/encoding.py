"""How is a task's value turned into bytes, once, to be hashed, sent and kept?

MessagePack through msgspec, with mappings and sets in a fixed order; never pickle. What a
value is decoded to is what the task says it returns.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from ragflow.errors import FingerprintError


def _refuse(value: Any) -> Any:
    raise FingerprintError(
        f"a value of type {type(value).__qualname__} cannot be encoded",
        hint="return a dataclass, a msgspec.Struct or plain values",
    )


_encoder = msgspec.msgpack.Encoder(order="deterministic", enc_hook=_refuse)


def encode(value: Any) -> bytes:
    """Return the bytes of a value; equal values of one type give equal bytes.

    Raises `FingerprintError` for what is neither plain nor a dataclass or struct, and for
    what MessagePack cannot say: mappings whose keys are no texts, integers over 64 bits.
    """
    try:
        return _encoder.encode(value)
    except (TypeError, OverflowError, UnicodeEncodeError) as error:
        raise FingerprintError(
            f"a value of type {type(value).__qualname__} cannot be encoded: {error}",
            hint="return a dataclass, a msgspec.Struct or plain values with texts as keys",
        ) from error


_decode_mapping = msgspec.msgpack.Decoder(dict[str, Any]).decode


def normal(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping as it comes back after being encoded: tuples are lists, and so on.

    Raises `FingerprintError` for what cannot be encoded, and where a name is no text.
    """
    try:
        return _decode_mapping(encode(values)) if values else {}
    except msgspec.ValidationError as error:
        raise FingerprintError(f"{dict(values)!r} cannot be kept: {error}") from error


@lru_cache(maxsize=256)
def decoder(kind: Any) -> Callable[[bytes], Any]:
    """Return the function that turns bytes back into a value of type `kind`."""
    return msgspec.msgpack.Decoder(kind).decode


@lru_cache(maxsize=256)
def keeps_order(kind: Any) -> bool:
    """Tell whether a value of this type comes back from its bytes in the order it had.

    Mappings and sets do not: they come back sorted, and whoever goes through them would see
    whether a value was remembered.
    """
    from msgspec import inspect

    seen: set[Any] = set()

    def goes(info: Any) -> bool:
        if isinstance(info, inspect.DictType | inspect.SetType | inspect.FrozenSetType):
            return False
        if isinstance(info, inspect.AnyType | inspect.CustomType):
            return False
        cls = getattr(info, "cls", None)
        if cls is not None:
            if cls in seen:
                return True
            seen.add(cls)
        inner = [getattr(info, name, None) for name in ("item_type", "type")]
        inner += [*getattr(info, "item_types", ()), *getattr(info, "types", ())]
        inner += [field.type for field in getattr(info, "fields", ())]
        return all(goes(each) for each in inner if isinstance(each, inspect.Type))

    return goes(inspect.type_info(kind))
