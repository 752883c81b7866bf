"""``ragflow collections``: list, show and drop whole collections."""

from typing import Annotated, Any

import typer

from ragflow.cli.failures import ExitCode
from ragflow.cli.groups import command_group
from ragflow.cli.options import Collection, Json, Wait
from ragflow.cli.output import enveloped, plain, results, say
from ragflow.cli.questions import is_confirmed

app = command_group("List, show and drop collections.")


@app.command("list")
def list_all(*, as_json: Json = False) -> None:
    """List the collections with their chunks and model."""
    from ragflow.runtime.home import open_home
    from ragflow.runtime.known_collections import list_collections
    from ragflow.views.listings import collections_table

    with results() as out, open_home() as home:
        found = [_described(home, generation) for generation in list_collections(home)]
        if as_json:
            out.json(enveloped(collections=found))
        elif found:
            out.table(collections_table(found))
        else:
            say("no collections yet: `ragflow run NAME` makes one")


@app.command("show")
def show_one(name: Collection, *, as_json: Json = False) -> None:
    """Show one collection: model, chunks, documents by state."""
    from ragflow.runtime.home import open_home
    from ragflow.runtime.known_collections import find_collection
    from ragflow.views.listings import collection_text

    with results() as out, open_home() as home:
        found = _described(home, find_collection(home, name))
        if as_json:
            out.json(enveloped(collections=[found]))
        else:
            out.line(collection_text(found, width=out.width))


@app.command("drop")
def drop_one(
    name: Collection,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Wait = False,
) -> None:
    """Remove a collection; the documents themselves stay."""
    from ragflow.runtime.home import open_home
    from ragflow.runtime.known_collections import drop_collection, find_collection
    from ragflow.views.quantities import counted

    with results() as out, open_home() as home:
        generation = find_collection(home, name)
        chunks = counted(home.metadata.ledger.row_count(generation.id), "chunk")
        if not yes and not is_confirmed(f"drop collection {name!r} with {chunks}?"):
            say("nothing was dropped")
            raise typer.Exit(ExitCode.FAILED)
        dropped = drop_collection(home, name, wait=wait)
        out.line(f"dropped collection {name!r} with {counted(dropped, 'chunk')}")


def _described(home: Any, generation: Any) -> dict[str, Any]:
    from collections import Counter

    ledger = home.metadata.ledger
    states = Counter(owner.state.value for owner in ledger.owners(generation.id))
    return {
        "name": generation.place,
        "generation": generation.number,
        "space": plain(generation.space),
        "chunks": ledger.row_count(generation.id),
        "documents": dict(sorted(states.items())),
        "created_at": plain(generation.created_at),
        "published_at": plain(generation.published_at),
    }
