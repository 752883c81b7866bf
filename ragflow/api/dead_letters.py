"""What could not be served, and what shall become of it?"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self, overload

from ragflow.api.people import user_name
from ragflow.api.runs import find_run
from ragflow.core.records import RunRecord
from ragflow.core.run_records import DeadLetter
from ragflow.errors import NotFoundError, UsageError
from ragflow.interfaces.orchestration import MetadataStore
from ragflow.runtime.home import open_home

#: Numbers, and groups of them, named in one sentence.
_NAMED = 6


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


def of_instance(store: MetadataStore, run: RunRecord) -> list[DeadLetter]:
    """Return the dead letters of the very instance that a run is of; a name may have several."""
    letters = store.dead_letters.list(instance=run.instance)
    failed = _failed_runs(store, letters)
    return [each for each in letters if failed[each.run].instance_id == run.instance_id]


def run_that_failed(store: MetadataStore, letters: Sequence[DeadLetter]) -> RunRecord:
    """Return a run whose like tries all of these.

    Raises `UsageError` where that takes several: where they are of several instances, or
    failed with different parameters.
    """
    failed = _failed_runs(store, letters)
    groups: list[tuple[RunRecord, list[int]]] = []
    for letter in letters:
        run = failed[letter.run]
        for like, numbers in groups:
            if (like.instance_id, like.parameters) == (run.instance_id, run.parameters):
                numbers.append(letter.id)
                break
        else:
            groups.append((run, [letter.id]))
    if len(groups) > 1:
        raise _several_runs(groups)
    return groups[0][0]


def _failed_runs(store: MetadataStore, letters: Iterable[DeadLetter]) -> dict[int, RunRecord]:
    """Return the runs in which these failed last, by number."""
    return {number: find_run(store, number) for number in {letter.run for letter in letters}}


def _several_runs(groups: Sequence[tuple[RunRecord, Sequence[int]]]) -> UsageError:
    instances = len({run.instance_id for run, _ in groups})
    why = f"are of {instances} instances" if instances > 1 else "failed with different parameters"
    letters = sum(len(numbers) for _, numbers in groups)
    shown = [" ".join(map(str, numbers[:_NAMED])) for _, numbers in groups[:_NAMED]]
    cut = any(len(numbers) > _NAMED for _, numbers in groups) or len(groups) > _NAMED
    return UsageError(
        f"one run cannot try these {letters} dead letters: they {why}",
        hint=f"leave out --run, or choose those of one run by their numbers: "
        f"{', or '.join(shown)}{' …' if cut else ''}",
    )


def _letter(store: MetadataStore, number: int) -> DeadLetter:
    letter = store.dead_letters.get(number)
    if letter is None:
        raise NotFoundError(
            f"there is no dead letter {number}", hint="`ragflow dead-letters list` names all"
        )
    return letter
