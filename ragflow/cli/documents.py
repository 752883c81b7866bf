"""``ragflow documents``: every document of a collection, and one of them in depth."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ragflow.cli.options import Json
from ragflow.cli.output import Results, enveloped, plain, results, say
from ragflow.core.states import OwnerState
from ragflow.errors import NotFoundError, UsageError

WHAT = "A collection, to list its documents; or the word show and the key of one."
STATE = "Only documents that stand so; failed ones are both failed and held back."
SHOW = "show"


def list_documents(
    what: Annotated[list[str], typer.Argument(metavar="COLLECTION | show KEY", help=WHAT)],
    *,
    state: Annotated[OwnerState | None, typer.Option(help=STATE)] = None,
    collection: Annotated[
        str | None, typer.Option(help="With show: only as this collection has it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the documents of a collection, or show one.

    `documents COLLECTION` lists state, reason, version and chunks; `documents show KEY` tells
    everything about one document, in each collection that has it, and how well it was read.
    """
    from ragflow.runtime.home import open_home

    with results() as out, open_home() as home:
        if len(what) == 2 and what[0] == SHOW:
            _show(out, home, what[1], collection=collection, as_json=as_json)
        elif len(what) == 1:
            _list(out, home, what[0], state=state, as_json=as_json)
        else:
            raise UsageError(
                f"documents was given {len(what)} words",
                hint="write `ragflow documents COLLECTION` or `ragflow documents show KEY`",
            )


def _list(out: Results, home: Any, name: str, *, state: OwnerState | None, as_json: bool) -> None:
    from ragflow.runtime.known_collections import find_collection
    from ragflow.views.listings import owners_table
    from ragflow.views.quantities import counted

    generation = find_collection(home, name)
    ledger = home.metadata.ledger
    owners = [*ledger.owners(generation.id, state=state)]
    if state is OwnerState.FAILED:
        owners += ledger.owners(generation.id, state=OwnerState.HELD_BACK)
        owners.sort(key=lambda owner: owner.key)
    if as_json:
        out.json(enveloped(documents=[_described(owner, name) for owner in owners]))
    elif owners:
        out.table(owners_table(owners))
    else:
        which = "" if state is None else f"{state.value.replace('_', ' ')} "
        say(f"no {which}documents in {name}")
        return
    if not as_json:
        say(counted(len(owners), "document"))


def _show(out: Results, home: Any, key: str, *, collection: str | None, as_json: bool) -> None:
    from ragflow.views.documents import owner_text

    found = list(_owners(home, key, collection))
    if not found:
        raise NotFoundError(
            f"there is no document {key!r}" + (f" in {collection}" if collection else ""),
            hint=_nearest(home, key, collection),
        )
    told = [(name, owner, _reading(home, owner)) for name, owner in found]
    if as_json:
        shown = [{**_described(owner, name), "reading": read} for name, owner, read in told]
        out.json(enveloped(documents=shown))
        return
    for number, (name, owner, reading) in enumerate(told):
        if number:
            out.line()
        out.line(owner_text(owner, name, reading=reading, width=out.width))


def _reading(home: Any, owner: Any) -> Any:
    """Return what is known of a document beside how it stands, as plain values."""
    from ragflow.api.documents import read_document

    for known in home.metadata.reasons.find(owner.key):
        if (known.instance, known.source) == (owner.instance, owner.source):
            return plain(read_document(home, known))
    return None  # it went meanwhile


def _owners(home: Any, key: str | None, collection: str | None) -> Iterator[tuple[str, Any]]:
    """Yield (collection, document as it stands there)."""
    from ragflow.runtime.known_collections import find_collection, list_collections

    places = [find_collection(home, collection)] if collection else list_collections(home)
    for place in places:
        for owner in home.metadata.ledger.owners(place.id, key=key):
            yield place.place, owner


def _nearest(home: Any, key: str, collection: str | None) -> str:
    """Name a document whose key ends like this one, as when the folder was left out."""
    last = key.rpartition("/")[2].lower()
    for _, owner in _owners(home, None, collection):
        if owner.key.rpartition("/")[2].lower() == last:
            return f"did you mean {owner.key!r}?"
    return "`ragflow documents COLLECTION` lists them"


def _described(owner: Any, collection: str) -> dict[str, Any]:
    return {"collection": collection, **plain(owner)}
