"""What does a source task yield, listed and loaded like any other source?"""

import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from ragflow.core.items import Item
from ragflow.core.pipeline_graph import Node
from ragflow.core.records import Listed, Loaded
from ragflow.errors import RunError, SourceError
from ragflow.incremental.encoding import decoder, normal
from ragflow.incremental.fingerprint import fingerprint_input, fingerprint_value
from ragflow.scheduling.calls import run_function
from ragflow.scheduling.datum import Datum
from ragflow.scheduling.resources import OpenResources
from ragflow.scheduling.spool import Spool

PAGE = 1000


class FunctionSource:
    """Lists what a function decorated ``@task(per="source")`` yields.

    It yields `Item` or pairs (key, value). The token is made of value and envelope, so
    nothing unchanged is done again; values wait in memory, and very many in a file, for the run.
    """

    #: Values are in memory once they were listed.
    is_at_hand = True

    def __init__(self, node: Node, values: Mapping[str, Datum], resources: OpenResources) -> None:
        self._node = node
        self._steps = values
        self._resources = resources
        self._values = Spool(_decoder(node.task.signature.returns))

    def locator(self) -> Mapping[str, Any]:
        """Return nothing: a function does not say where it looks."""
        return {}

    def list(self) -> Iterator[Sequence[Listed]]:
        """Yield pages of what the function yields; raises `SourceError` when it raises."""
        found = self._items()
        while page := tuple(islice(found, PAGE)):
            yield page

    def _items(self) -> Iterator[Listed]:
        try:
            for each in self._called():
                item = self._item(each)
                content = fingerprint_value(item.value)
                metadata = normal(item.envelope)
                self._values.put(item.key, content, item.value)
                yield Listed(item.key, fingerprint_input(content, metadata), metadata)
        except RunError:
            raise
        except Exception as error:
            raise SourceError(
                f"the source {self._node.name!r} failed: {type(error).__name__}: {error}"
            ) from error

    def _called(self) -> Iterable[Any]:
        node = self._node
        given = [self._steps[name].value() for name in node.data]
        opened = self._resources.get(node.resources, node.parameters)
        found: Iterable[Any] = run_function(
            node.task.function, given, {**node.parameters, **opened}
        )
        return found

    def _item(self, each: Any) -> Item[Any]:
        if isinstance(each, tuple) and len(each) == 2 and isinstance(each[0], str):
            each = Item(*each)
        what = f"a {type(each).__name__}"
        if isinstance(each, Item):
            key: Any = each.key  # whatever its annotation says
            if isinstance(key, str) and key:
                return each
            what = f"the key {key!r}"
        raise SourceError(
            f"the source {self._node.name!r} yielded {what}",
            hint="yield Item(key, value), or pairs (key, value) whose key is a text",
        )

    def load(self, key: str, token: bytes) -> Loaded:
        """Return the value yielded under the key."""
        del token  # values are those of this run's listing
        content, value = self._values.get(key)
        return Loaded(value, content)


def _decoder(returns: Any) -> Callable[[bytes], Any] | None:
    """Return what decodes the values of a source that says what it yields; else None."""
    for element in typing.get_args(returns)[:1]:
        inner = typing.get_args(element)
        if inner and inner[-1] is not Any:
            return decoder(inner[-1])
    return None
