"""What is asked of a run?"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ragflow.core.fires import Firing
from ragflow.core.pipeline_graph import PipelineGraph
from ragflow.core.shares import read_share
from ragflow.errors import UsageError


class How(msgspec.Struct, frozen=True, kw_only=True):
    """How a run is to be carried out; never what it computes."""

    #: Whether a listing that lost many documents, or another place, may delete rows.
    allow_deletions: bool = False
    #: Whether what did not change may be made again, and whether it may cost more than `max_cost`.
    accept: bool = False
    #: The most that the calls with a price may cost, as their tasks count it (tokens); None for
    #: what ragflow.toml says.
    max_cost: int | None = None
    #: Whether to wait for what somebody else holds.
    wait: bool = False
    #: Owners that may fail before the run does: a number, judged as it happens and at the
    #: end, or a percentage of all that are listed, ``"2%"``, judged at the end.
    max_failed: int | str | None = None
    #: The last task to be called; what is below it is left as it is, so nothing is deleted.
    until: str | None = None
    #: Keys of the only owners to look at; nothing is deleted then.
    only: tuple[str, ...] = ()
    #: The task from which on nothing remembered is used.
    since: str | None = None
    #: Whether nothing remembered is used at all.
    force: bool = False
    #: The run that is taken up, under its own number.
    resumes: int | None = None
    #: The fire of a schedule that it begins, or goes on, for.
    firing: Firing | None = None
    #: What asked: ``command``, ``api``, ``schedule``; and who, for the audit.
    trigger: str = "api"
    actor: str | None = None

    @property
    def is_again(self) -> bool:
        """Whether what is unchanged is done again, too."""
        return self.force or self.since is not None

    def __post_init__(self) -> None:
        most = self.max_failed
        if isinstance(most, str):
            percentage(most)
        elif most is not None and most < 0:
            raise UsageError(f"max_failed={most} is no number of failures", hint="0, 10 or '2%'")
        if self.max_cost is not None and self.max_cost < 0:
            raise UsageError(f"max_cost={self.max_cost} is no cost", hint="write 0 or more")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One run or plan of one instance of a pipeline."""

    pipeline: str
    graph: PipelineGraph
    #: Name of the instance; the pipeline's unless given.
    instance: str
    #: Values of the scope parameters.
    scope: Mapping[str, Any]
    parameters: Mapping[str, Any]
    #: Most calls at the same time; None for what there is room for.
    limit: int | None = None
    how: How = How()

    @property
    def is_partial(self) -> bool:
        """Whether owners or tasks are left out: nobody can tell then what is gone, or whole."""
        return bool(self.how.only) or self.how.until is not None


def percentage(text: str) -> float:
    """Return what ``"2%"`` stands for, between 0 and 100.

    Raises `UsageError` for anything else.
    """
    try:
        return read_share(text)
    except ValueError as error:
        raise UsageError(
            f"max_failed={text!r} is neither a number nor a percentage", hint="write 10 or '2%'"
        ) from error
