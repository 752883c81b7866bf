"""What could not be served, and what shall become of it?"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self, overload

from ragflow.api.people import user_name
from ragflow.core.run_records import DeadLetter
from ragflow.errors import NotFoundError
from ragflow.interfaces.orchestration import MetadataStore
from ragflow.runtime.home import open_home


class DeadLetters(Sequence[DeadLetter]):
    """Dead letters of a project as they were when they were looked up, oldest first.

    A table in Jupyter. `replay` and `discard` act on exactly these.
    """

    def __init__(self, letters: Iterable[DeadLetter], project: Path | str | None = None) -> None:
        self._letters = tuple(letters)
        self._project = project

    @classmethod
    def find(
        cls,
        *ids: int,
        key: str | None = None,
        instance: str | None = None,
        project: Path | str | None = None,
    ) -> Self:
        """Return all that nobody discarded, or those of these numbers, key or instance.

        `project` is a folder of the project, the working directory unless given. Raises
        `NotFoundError` for a number or a key without a dead letter.
        """
        with open_home(None if project is None else Path(project)) as home:
            letters = find_letters(home.metadata, ids, key=key, instance=instance)
        return cls(letters, project)

    def replay(self, *, actor: str | None = None) -> Self:
        """Let the next run try them, whatever would release them; return them as they are now.

        Raises `NotFoundError`, and changes nothing, when one was served since.
        """
        ids = [letter.id for letter in self._letters]
        with self._store() as store:
            letters = store.dead_letters.replay(ids, actor=actor or user_name())
        return type(self)(letters, self._project)

    def discard(self, *, actor: str | None = None) -> Self:
        """Give them up: they are neither tried nor listed until their content changes.

        Rows they were served from before stay. Raises `NotFoundError`, and changes nothing,
        when one was served since.
        """
        ids = [letter.id for letter in self._letters]
        with self._store() as store:
            letters = store.dead_letters.discard(ids, actor=actor or user_name())
        return type(self)(letters, self._project)

    @contextmanager
    def _store(self) -> Iterator[MetadataStore]:
        with open_home(None if self._project is None else Path(self._project)) as home:
            yield home.metadata

    @overload
    def __getitem__(self, index: int) -> DeadLetter: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> DeadLetter | Self:
        if isinstance(index, slice):
            return type(self)(self._letters[index], self._project)
        return self._letters[index]

    def __len__(self) -> int:
        return len(self._letters)

    def __repr__(self) -> str:
        from ragflow.views.quantities import counted

        return f"<{counted(len(self._letters), 'dead letter')}>"

    def _repr_html_(self) -> str:
        from ragflow.views.dead_letters import letters_table
        from ragflow.views.tables import table_html

        return table_html(letters_table(self._letters))


def find_letters(
    store: MetadataStore,
    ids: Sequence[int] = (),
    *,
    key: str | None = None,
    instance: str | None = None,
) -> list[DeadLetter]:
    """Return all that nobody discarded, or those of these numbers, key or instance.

    A number finds one that was discarded, too. Raises `NotFoundError` for a number or a key
    without a dead letter.
    """
    if ids:
        return [_letter(store, number) for number in dict.fromkeys(ids)]
    found = [
        letter
        for letter in store.dead_letters.list(instance=instance)
        if key is None or letter.key == key
    ]
    if key is not None and not found:
        raise NotFoundError(
            f"there is no dead letter of {key!r}", hint="`ragflow dead-letters list` names all"
        )
    return found


def _letter(store: MetadataStore, number: int) -> DeadLetter:
    letter = store.dead_letters.get(number)
    if letter is None:
        raise NotFoundError(
            f"there is no dead letter {number}", hint="`ragflow dead-letters list` names all"
        )
    return letter
