"""What does a pipeline know of one of its tasks before anything runs?"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ragflow.core.resource_use import ResourceUse
from ragflow.core.rules import Rule
from ragflow.core.shapes import Shape


class Branch(msgspec.Struct, frozen=True):
    """One side of what `split` parts: the function that decides, and which answer it takes."""

    by: Callable[[Any], bool]
    side: bool
    #: Whether the function asks for ``Item[T]``.
    wants_item: bool


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One task in a pipeline, with everything bound that is known before the run."""

    name: str
    shape: Shape
    #: The task; None for `read`, `group`, `split`, ``|`` and parts, which are built in.
    task: Any = None
    #: Names of the nodes its data come from, in the order of the call.
    data: tuple[str, ...] = ()
    #: What it computes with.
    parameters: Mapping[str, Any] = {}
    #: What is opened for it.
    resources: Mapping[str, ResourceUse] = {}
    #: What a plan opens to say what its calls cost.
    cost: ResourceUse | None = None
    #: The source object, for a source; the function that names the group, for a grouping; the
    #: `Branch`, for a side of a split.
    subject: Any = None
    #: Names of the nodes that must be over before.
    after: tuple[str, ...] = ()
    #: What the ledger knows a source or grouping by; "" for a pipeline's first source.
    source: str = ""
    #: The source or grouping its items descend from; "" for a step.
    origin: str = ""
    #: The cuts between origin and its items.
    lineage: tuple[str, ...] = ()
    #: For a grouping: the nodes above it whose items have the very envelopes it is given.
    alike: tuple[str, ...] = ()
    #: Whether it is called for the parts of drafts: a part's value alone names the call, since
    #: all else that is given only helps to find what the value names.
    is_of_parts: bool = False
    #: Whether it makes drafts whole: its data are the drafts, their parts and what was made of
    #: each, and it is given all parts of a draft at once. A draft without any is passed on.
    is_of_drafts: bool = False

    @property
    def rule(self) -> Rule:
        """When it is called, by what became of what it comes after."""
        return Rule.ALL_SUCCEEDED if self.task is None else self.task.settings.when

    def identities(self) -> dict[str, Any]:
        """Return the identity of each resource."""
        return {
            name: use.resource.identity(use.bound(self.parameters))
            for name, use in self.resources.items()
        }

    @property
    def end(self) -> str | None:
        """The end's name, ``target:place``, for a target."""
        if self.shape is not Shape.TARGET:
            return None
        return f"{self.task.target}:{self.parameters[self.task.place]}"
