"""What happens when a task is called: arguments in, encoded parts out."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from ragflow.core.items import Draft, Fingerprint, Item, Part
from ragflow.core.parameters import type_name
from ragflow.core.pipeline_graph import Node
from ragflow.core.shapes import Shape
from ragflow.errors import DocumentError
from ragflow.incremental.encoding import decoder, encode, keeps_order, normal
from ragflow.incremental.fingerprint import (
    fingerprint_call,
    fingerprint_encoded,
    fingerprint_plain,
    fingerprint_value,
)
from ragflow.incremental.memo import pack, unpack
from ragflow.scheduling.datum import Datum

Path = tuple[int, ...]
#: The kind that parts of drafts are named by: the one task that is given them knows their type.
_PART = "part"


class Call(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One call of one task: what it runs over, what is joined, and where it stands."""

    node: Node
    #: Which part of the owner it runs over; () for the owner itself.
    path: Path
    inputs: tuple[Datum, ...]
    #: Key of the owner.
    owner: str
    #: What its memo is kept under; None for a task that is not remembered.
    key: Fingerprint | None

    @property
    def ticket(self) -> Fingerprint:
        """What it is known by while under way: equal calls share one.

        A call that is not remembered is equal to none, and known by where it stands.
        """
        if self.key is not None:
            return self.key
        return fingerprint_plain([self.node.name, self.owner, list(self.path)])


class Stop(msgspec.Struct, frozen=True):
    """Why nothing came out of a call, and so out of everything below it."""

    task: str
    part: Path
    error: Exception
    #: Whether its task says that trying again is of no use, in later runs either.
    gives_up: bool = False


def make_call(
    node: Node, path: Path, inputs: tuple[Datum, ...], owner: str, task: Fingerprint
) -> Call:
    """Return the call, named by the task and the fingerprints of what it is given."""
    if not node.task.settings.memo:
        return Call(node, path, inputs, owner, None)
    if node.is_of_parts:
        return Call(node, path, inputs, owner, fingerprint_call(task, [inputs[0].fingerprint]))
    names = []
    for datum, wants_item in zip(inputs, node.task.signature.wants_item, strict=True):
        names.append(datum.fingerprint)
        if wants_item:
            names.append(fingerprint_plain([owner, datum.envelope]))
    return Call(node, path, inputs, owner, fingerprint_call(task, names))


class Counted(Exception):  # noqa: N818 - control flow, not an error
    """The call has a price; a plan counts it instead of running it, and stops there."""


class Performed(msgspec.Struct, frozen=True, gc=False):
    """What came out of a call that ran."""

    parts: list[Datum]
    #: The bytes to remember; None for a task that is not remembered.
    memo: bytes | None


def perform(call: Call, kind: str, resources: Mapping[str, Any]) -> Performed:
    """Call the task's function once; raises what it raises."""
    arguments = arguments_of(call.node, call.owner, call.inputs)
    outcome = run_function(
        call.node.task.function, arguments, {**call.node.parameters, **resources}
    )
    return _performed(call, outcome, kind)


async def perform_async(call: Call, kind: str, resources: Mapping[str, Any]) -> Performed:
    """Await the task's function once; raises what it raises.

    Arguments are fetched on another thread: others wait in the same loop meanwhile.
    """
    import asyncio  # 15 ms that a pipeline without such tasks is spared

    node = call.node
    arguments = await asyncio.to_thread(arguments_of, node, call.owner, call.inputs)
    outcome = await node.task.function(*arguments, **{**node.parameters, **resources})
    return _performed(call, outcome, kind)


def perform_batch(
    calls: Sequence[Call], kind: str, resources: Mapping[str, Any]
) -> list[Performed]:
    """Call a batch task's function once for all calls; answers are in their order.

    Raises `DocumentError` when it does not answer each.
    """
    node = calls[0].node
    rows = [arguments_of(node, call.owner, call.inputs) for call in calls]
    columns = [list(column) for column in zip(*rows, strict=True)]
    outcomes = run_function(node.task.function, columns, {**node.parameters, **resources})
    outcomes = list(outcomes)
    if len(outcomes) != len(calls):
        raise DocumentError(
            f"the task {node.name!r} was given {len(calls)} items and answered {len(outcomes)}",
            hint="a batch task returns one answer for each item, in order",
        )
    return [_performed(call, o, kind) for call, o in zip(calls, outcomes, strict=True)]


def run_function(
    function: Callable[..., Any], arguments: Sequence[Any], keywords: Mapping[str, Any]
) -> Any:
    """Call a function, in an event loop of its own when it is a coroutine function."""
    outcome = function(*arguments, **keywords)
    if not inspect.iscoroutine(outcome):
        return outcome
    import asyncio  # 15 ms that a pipeline without such tasks is spared

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(outcome)
    # A notebook's loop runs in this very thread.
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(asyncio.run, outcome).result()


def arguments_of(node: Node, owner: str, inputs: Sequence[Datum]) -> list[Any]:
    """Return what a task's function is given: values, or items where it asks for them."""
    return [
        Item(owner, datum.value(), datum.envelope) if wants_item else datum.value()
        for datum, wants_item in zip(inputs, node.task.signature.wants_item, strict=True)
    ]


def _performed(call: Call, outcome: Any, kind: str) -> Performed:
    signature = call.node.task.signature
    drafted: Sequence[Part[Any]] = ()
    if isinstance(outcome, Draft):
        outcome, drafted = outcome.value, outcome.parts
    if outcome is None:
        found: list[Any] = []
    else:
        found = list(outcome) if signature.cuts else [outcome]
    parts, kept = [], []
    for each in found:
        is_part = isinstance(each, Part)
        value = as_declared(call.node, each.value if is_part else each)
        # As a memo gives it back, so that nothing below can tell whether it was remembered.
        envelope = normal(each.envelope) if is_part else {}
        if call.key is None and names_itself(signature.returns):
            parts.append(Datum(fingerprint_value(value, kind), envelope, value=value))
            continue
        data = encode(value)
        name = fingerprint_encoded(
            kind, value.__fingerprint__() if names_itself(signature.returns) else data
        )
        if is_remembered(call.node) and not keeps_order(signature.returns):
            value = decoder(signature.returns)(data)
        parts.append(Datum(name, envelope, value=value))
        kept.append((data, envelope))
    for each in drafted:
        data, envelope = encode(each.value), normal(each.envelope)
        name = fingerprint_encoded(_PART, data)
        parts.append(Datum(name, envelope, value=each.value))
        kept.append((data, envelope))
    return Performed(parts, None if call.key is None else pack(kept))


def as_declared(node: Node, value: Any) -> Any:
    """Return the value as one of the type that the task says it returns.

    Raises `DocumentError` for another: it could be remembered but not read back.
    """
    returns = node.task.signature.returns
    if returns is Any:
        return value
    try:
        return msgspec.convert(value, returns, dec_hook=_is_of)
    except (msgspec.ValidationError, TypeError) as error:
        raise DocumentError(
            f"the task {node.name!r} returned a {type(value).__name__} "
            f"where it says {type_name(returns)}: {error}",
            hint="let the annotation say what it returns",
        ) from error


def _is_of(kind: type, value: Any) -> Any:
    if isinstance(value, kind):
        return value
    raise TypeError(f"expected `{type_name(kind)}`, got `{type(value).__name__}`")


def is_remembered(node: Node) -> bool:
    """Tell whether what a call gives may be given by its memo another time."""
    memo = node.task.settings.memo
    return bool(memo == "home" if node.shape is Shape.STEP else memo)


def names_itself(kind: Any) -> bool:
    """Tell whether values of this type say themselves what identifies them."""
    return hasattr(kind, "__fingerprint__")


def recall(call: Call, memo: bytes, kind: str) -> list[Datum]:
    """Return what a memo says came out of a call; values are decoded when asked for."""
    decode = decoder(call.node.task.signature.returns)
    completion = call.node.task.completion
    parts: list[Datum] = []
    for data, envelope in unpack(memo):
        if parts and completion is not None:
            # What follows the value of a draft are its parts.
            name = fingerprint_encoded(_PART, data)
            fetch = _Decoding(decoder(completion.part_kind), data)
            parts.append(Datum(name, envelope, fetch=fetch))
            continue
        # A value that names itself must be decoded to be named.
        if names_itself(call.node.task.signature.returns):
            value = decode(data)
            parts.append(Datum(fingerprint_value(value, kind), envelope, value=value))
        else:
            name = fingerprint_encoded(kind, data)
            parts.append(Datum(name, envelope, fetch=_Decoding(decode, data)))
    return parts


class _Decoding:
    """Decodes when called; a named class instead of a closure a part."""

    __slots__ = ("_data", "_decode")

    def __init__(self, decode: Callable[[bytes], Any], data: bytes) -> None:
        self._decode = decode
        self._data = data

    def __call__(self) -> Any:
        return self._decode(self._data)
