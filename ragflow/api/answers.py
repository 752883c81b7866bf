"""What do questions about documents give back?"""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Generic, Self, TypeVar, overload

from ragflow.views.rendering import Table

A = TypeVar("A")


class Answers(Sequence[A], Generic[A]):
    """Answers to one question, one for each document it is about; tables in Jupyter."""

    #: What one answer is called.
    noun: ClassVar[str] = "answer"

    def __init__(self, answers: Iterable[A], tables: Callable[[A], Sequence[Table]]) -> None:
        self._answers = tuple(answers)
        self._tables = tables

    @overload
    def __getitem__(self, index: int) -> A: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> A | Self:
        if isinstance(index, slice):
            return type(self)(self._answers[index], self._tables)
        return self._answers[index]

    def __len__(self) -> int:
        return len(self._answers)

    def __repr__(self) -> str:
        from ragflow.views.quantities import counted

        return f"<{counted(len(self), self.noun)}>"

    def _repr_html_(self) -> str:
        from ragflow.views.tables import table_html

        tables = [table_html(table) for each in self._answers for table in self._tables(each)]
        return "".join(tables)
