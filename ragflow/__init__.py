"""ragflow keeps a vector index true to a changing set of documents.

The public names are imported on first use, so that ``import ragflow`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragflow.api.dead_letters import DeadLetters
    from ragflow.api.index import Hit, Index
    from ragflow.api.lineage import lineage
    from ragflow.api.pipeline import Pipeline, pipeline
    from ragflow.api.results import Plan, Run
    from ragflow.api.schedules import Backfill, Schedules
    from ragflow.api.why import why
    from ragflow.api.why_not import why_not
    from ragflow.core.durations import hours, minutes, seconds
    from ragflow.core.fire_date import fire_date
    from ragflow.core.items import Draft, Item, Part, Row
    from ragflow.core.members import Members
    from ragflow.core.options import Timeouts
    from ragflow.core.resource_use import resource
    from ragflow.core.retry import Retry
    from ragflow.core.secret_reference import Secret
    from ragflow.core.task import task
    from ragflow.documents import Chunk, Content, Document, Element, Vector
    from ragflow.errors import GiveUp, RagflowError, RetryTask, SkipDocument
    from ragflow.interfaces.ingestion import Entry
    from ragflow.parsing.quality import Quality
    from ragflow.scheduling.schedules import Schedule

__version__ = "0.1.0"

_HOMES = {
    "Backfill": "ragflow.api.schedules",
    "Chunk": "ragflow.documents",
    "Content": "ragflow.documents",
    "DeadLetters": "ragflow.api.dead_letters",
    "Document": "ragflow.documents",
    "Draft": "ragflow.core.items",
    "Element": "ragflow.documents",
    "Entry": "ragflow.interfaces.ingestion",
    "GiveUp": "ragflow.errors",
    "Hit": "ragflow.api.index",
    "Index": "ragflow.api.index",
    "Item": "ragflow.core.items",
    "Members": "ragflow.core.members",
    "Part": "ragflow.core.items",
    "Pipeline": "ragflow.api.pipeline",
    "Plan": "ragflow.api.results",
    "Quality": "ragflow.parsing.quality",
    "RagflowError": "ragflow.errors",
    "Retry": "ragflow.core.retry",
    "RetryTask": "ragflow.errors",
    "Row": "ragflow.core.items",
    "Run": "ragflow.api.results",
    "Schedule": "ragflow.scheduling.schedules",
    "Schedules": "ragflow.api.schedules",
    "Secret": "ragflow.core.secret_reference",
    "SkipDocument": "ragflow.errors",
    "Timeouts": "ragflow.core.options",
    "Vector": "ragflow.documents",
    "fire_date": "ragflow.core.fire_date",
    "hours": "ragflow.core.durations",
    "lineage": "ragflow.api.lineage",
    "minutes": "ragflow.core.durations",
    "pipeline": "ragflow.api.pipeline",
    "resource": "ragflow.core.resource_use",
    "seconds": "ragflow.core.durations",
    "task": "ragflow.core.task",
    "why": "ragflow.api.why",
    "why_not": "ragflow.api.why_not",
}

__all__ = [
    "Backfill",
    "Chunk",
    "Content",
    "DeadLetters",
    "Document",
    "Draft",
    "Element",
    "Entry",
    "GiveUp",
    "Hit",
    "Index",
    "Item",
    "Members",
    "Part",
    "Pipeline",
    "Plan",
    "Quality",
    "RagflowError",
    "Retry",
    "RetryTask",
    "Row",
    "Run",
    "Schedule",
    "Schedules",
    "Secret",
    "SkipDocument",
    "Timeouts",
    "Vector",
    "fire_date",
    "hours",
    "lineage",
    "minutes",
    "pipeline",
    "resource",
    "seconds",
    "task",
    "why",
    "why_not",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ragflow' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
