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
        if self.summary["fast"]:
            return f"<plan by version tokens: {documents}>"
        bound = self.summary["bound"]
        said = "" if bound == "exact" else f"{bound} "
        return f"<plan: {documents}, {said}{self.summary['chunks_to_embed']} chunks to embed>"


class Verification(Result):
    """What is wrong with a collection; see the schema ``verify``. True where nothing is."""

    def __bool__(self) -> bool:
        return bool(self.summary["clean"])

    def __repr__(self) -> str:
        what = "nothing is wrong" if self else f"{self.summary['damage']}"
        return f"<verification of {self.summary['collection']!r}: {what}>"

    def _repr_html_(self) -> str:
        from ragflow.views.damage import damage_html

        return damage_html(repr(self), self.summary["damage"])


class Repair(Result):
    """What mending a collection came to; see the schema ``repair``. True where all is well."""

    def __bool__(self) -> bool:
        return bool(self.summary["clean"])

    def __repr__(self) -> str:
        left = "nothing is wrong any more" if self else f"left: {self.summary['left']}"
        return f"<repair of {self.summary['collection']!r}: {left}>"

    def _repr_html_(self) -> str:
        from ragflow.views.damage import damage_html

        return damage_html(repr(self), self.summary["left"])
