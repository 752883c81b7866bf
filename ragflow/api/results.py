"""What do a run and a plan give back?"""

from collections.abc import Mapping
from typing import Any


class Result:
    """The object that ``--json`` prints, with its entries as attributes and a table."""

    def __init__(self, summary: Mapping[str, Any]) -> None:
        self.summary = dict(summary)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["summary"][name]
        except KeyError:
            known = ", ".join(self.__dict__.get("summary", {}))
            raise AttributeError(f"{type(self).__name__} has no {name!r}; it has {known}") from None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.summary]

    def _repr_html_(self) -> str:
        from ragflow.views.tables import html_table

        return html_table(self.summary)


class Run(Result):
    """What a run did; see the schema ``run``."""

    def __repr__(self) -> str:
        from ragflow.views.tables import came_to_sentence

        documents = {k: v for k, v in self.summary["documents"].items() if v}
        came_to = documents or came_to_sentence(self.summary)
        return f"<run {self.summary['run']}: {self.summary['state']} {came_to}>"


class Plan(Result):
    """What a run would do; see the schema ``plan``."""

    def __repr__(self) -> str:
        documents = {k: v for k, v in self.summary["documents"].items() if v}
        most = "" if self.summary["exact"] else "at most "
        return f"<plan: {documents}, {most}{self.summary['chunks_to_embed']} chunks to embed>"
