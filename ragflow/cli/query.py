"""``ragflow query``: the chunks nearest to a question."""

import json
from typing import Annotated, Any

import typer

from ragflow.cli.options import Collection, Json
from ragflow.cli.output import enveloped, plain, results, say
from ragflow.errors import ParameterError

WHERE = """Only rows whose payload matches, as JSON: '{"key": "a.md"}', '{"page": {"$gte": 3}}'."""
#: Characters of a hit shown to a person.
EXCERPT = 400
#: A store counts hits in 32 bits.
MOST_HITS = 2**31 - 1


def query_collection(
    collection: Collection,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What you want to know.")],
    *,
    k: Annotated[int, typer.Option("-k", max=MOST_HITS, help="The most hits.")] = 5,
    where: Annotated[str | None, typer.Option(metavar="JSON", help=WHERE)] = None,
    min_score: Annotated[
        float | None, typer.Option(help="Only hits at least this similar, from -1 to 1.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Search a collection; hits come with their sources."""
    from ragflow.api.index import Index
    from ragflow.views.listings import hit_text

    with results() as out:
        with Index.open(collection) as index:
            hits = index.search(text, k, where=_filter(where), min_score=min_score)
        if as_json:
            out.json(enveloped(hits=plain(hits)))
            return
        for number, hit in enumerate(hits, 1):
            out.line(hit_text(number, plain(hit), excerpt=EXCERPT, width=out.width))
            out.line()
        if not hits:
            say("no hits")


def _filter(where: str | None) -> dict[str, Any] | None:
    if where is None:
        return None
    try:
        value = json.loads(where)
    except ValueError as error:
        raise ParameterError(
            f"--where {where!r} is no JSON: {error}", hint="""write it as '{"key": "a.md"}'"""
        ) from error
    if not isinstance(value, dict):
        raise ParameterError(
            f"--where {where!r} is no object", hint="""write it as '{"key": "a.md"}'"""
        )
    return value
