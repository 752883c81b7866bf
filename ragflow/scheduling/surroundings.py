"""What does a run give its scheduler to work with?"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from ragflow.clock import Clock
from ragflow.core.records import Instance
from ragflow.interfaces.orchestration import Executor, Memos
from ragflow.scheduling.calls import Stop
from ragflow.scheduling.commits import Served, Written
from ragflow.scheduling.resources import OpenResources
from ragflow.scheduling.totals import Totals


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything outside the graph that streaming owners through it needs."""

    instance: Instance
    memos: Memos
    #: ``threads``, ``inline``; ``batches`` runs batch tasks, ``commits`` writes portions.
    executors: Mapping[str, Executor]
    resources: OpenResources
    clock: Clock
    totals: Totals
    #: Writes a portion; None for a plan, which writes no target and no ledger.
    serve: Callable[[Sequence[Served]], Written] | None
    #: Called about ten times a second with the calls that wait, by task.
    progress: Callable[[Mapping[str, int]], None]
    #: Called with each failed attempt: owner key and why.
    failed: Callable[[str, Stop], None]
    #: Owners and bytes that may be on their way at the same time.
    window_owners: int = 1024
    window_bytes: int = 64 << 20
