"""What is asked of a run?"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ragflow.core.pipeline_graph import PipelineGraph


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One run or plan of one instance of a pipeline."""

    pipeline: str
    graph: PipelineGraph
    #: Name of the instance; the pipeline's unless given.
    instance: str
    #: Values of the scope parameters.
    scope: Mapping[str, Any]
    parameters: Mapping[str, Any]
    #: Whether a listing that lost everything, or another place, may delete rows.
    allow_deletions: bool = False
    #: Whether everything may be made again because the model changed.
    accept: bool = False
    #: Whether to wait for what somebody else holds.
    wait: bool = False
    #: What asked: ``command``, ``api``, ``notebook``.
    trigger: str = "command"
