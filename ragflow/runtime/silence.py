"""An observer that tells nobody."""

from collections.abc import Mapping, Sequence
from typing import Any

from ragflow.core.records import TaskTotal


class Silence:
    """Observes a run without a word."""

    def started(self, tasks: Sequence[str]) -> None:
        """Say nothing."""

    def listed(self, counts: Mapping[str, int]) -> None:
        """Say nothing."""

    def progressed(self, totals: Mapping[str, TaskTotal], waiting: Mapping[str, int]) -> None:
        """Say nothing."""

    def noted(self, sentence: str) -> None:
        """Say nothing."""

    def ended(self, summary: Mapping[str, Any]) -> None:
        """Say nothing."""
