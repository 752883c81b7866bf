"""What is one origin of a pipeline, and what may a run do with it?"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from ragflow.core.node import Node
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.records import EndNow
from ragflow.errors import GuardError
from ragflow.interfaces.orchestration import Source
from ragflow.interfaces.reasons import Recipes
from ragflow.interfaces.unpacking import Manifests
from ragflow.runtime.going_first import GoingFirst
from ragflow.runtime.guards import Limits
from ragflow.scheduling.groups import Gathering
from ragflow.scheduling.walk import Ground


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """One source or grouping with what descends from it."""

    node: Node
    graph: PipelineGraph
    source: Source
    ground: Ground
    #: By target node: the node and the end.
    ends: Mapping[str, tuple[Node, EndNow]]
    #: Whether an end writes a generation that is to replace one that serves.
    rebuilding: bool
    #: The groupings its items are brought together by, and the tasks they need.
    gatherings: Sequence[Gathering] = ()
    gathered: frozenset[str] = frozenset()


class Permissions(msgspec.Struct, frozen=True):
    """What the request allows and how it is told."""

    allow_deletions: bool
    #: Whether what did not change may be made again.
    accept: bool
    limits: Limits
    recipes: Recipes
    manifests: Manifests
    #: Told of a guard that refuses: a run raises it, a plan says it.
    refuse: Callable[[GuardError], None]
    noted: Callable[[str], None]
    listed: Callable[[Mapping[str, int]], None]
    #: Called once before anything is written to a target.
    before_writing: Callable[[], None]
    #: Requirements that are met now.
    released: Sequence[str]
    #: Keys of the only owners to look at; none for all.
    only: frozenset[str] = frozenset()
    #: Whether owners or tasks are left out: nothing is deleted then.
    is_partial: bool = False
    #: Those of them that some source lists; filled while sources are listed.
    found: set[str] = msgspec.field(default_factory=set)
    #: Whether what is unchanged is done again, too.
    is_again: bool = False
    #: Lets owners that other processes ask for go first; None in a plan and a partial run.
    going_first: GoingFirst | None = None
