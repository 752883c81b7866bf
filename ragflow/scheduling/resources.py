"""Who opens what tasks need, and when is it closed?"""

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any

from ragflow.core.resource_use import Resource, ResourceUse
from ragflow.core.secret_reference import Secret
from ragflow.core.task import opened
from ragflow.errors import RunError
from ragflow.incremental.canonical import canonical
from ragflow.scheduling.owners import sentence_of


def taken_usage(things: Iterable[Any]) -> dict[str, float]:
    """Return what the resources that are `Metered` say was used since they were last asked."""
    used: dict[str, float] = {}
    for thing in things:
        if hasattr(thing, "take_usage"):
            for unit, amount in thing.take_usage().items():
                used[unit] = used.get(unit, 0) + amount
    return used


class OpenResources:
    """The resources of one worker: each opened on first use, all closed together.

    Two tasks that use one resource with equal parameters share it. Secrets are resolved
    here, just before a resource is opened, and kept nowhere.
    """

    def __init__(
        self,
        resolve: Callable[[Secret], str],
        opened: Callable[[str, Any], None] = lambda _name, _thing: None,
        used: Callable[[Mapping[str, float]], None] = lambda _used: None,
    ) -> None:
        self._resolve = resolve
        # Told the name and the thing, on the worker that opened it.
        self._tell = opened
        # Told what nobody took before it is closed: what steps and sources used.
        self._used = used
        self._stack = ExitStack()
        self._open: dict[tuple[Resource[Any], bytes], Any] = {}
        self._opening = threading.Lock()

    def get(self, uses: Mapping[str, ResourceUse], parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the open resources by keyword; blocks while one is being opened.

        Raises `RunError` when one cannot be opened: that is no fault of any document.
        """
        return {name: self._get(use, parameters) for name, use in uses.items()}

    def _get(self, use: ResourceUse, parameters: Mapping[str, Any]) -> Any:
        bound = use.bound(parameters)
        try:
            key = (use.resource, canonical(bound))
            with self._opening:
                if key not in self._open:
                    ready = {
                        k: self._resolve(v) if isinstance(v, Secret) else v
                        for k, v in bound.items()
                    }
                    self._open[key] = self._stack.enter_context(opened(use.resource, ready))
                    self._tell(use.resource.name, self._open[key])
                return self._open[key]
        except Exception as error:
            raise RunError(
                f"the resource {use.resource.name!r} cannot be opened: {sentence_of(error)}",
                hint=getattr(error, "hint", None),
            ) from error

    def close(self) -> None:
        """Tell what was used and nobody took yet, then close everything, last opened first."""
        with self._opening:
            left = list(self._open.values())
            self._open.clear()
            try:
                self._used(taken_usage(left))
            finally:
                self._stack.close()
