"""``ragflow cite``: where a chunk stands in its document, in words and on the page."""

from pathlib import Path
from typing import Annotated

import typer

from ragflow.cli.options import Json, PasswordsIn, passwords_in
from ragflow.cli.output import enveloped, plain, results, say

CHUNK = "Id of a chunk as query prints it, or its first digits that no other has."
IMAGE = "Draw its boxes on the page into this PNG; of several pages OUT-PAGE.png each."


def cite_chunk(
    chunk: Annotated[str, typer.Argument(metavar="CHUNK", help=CHUNK)],
    *,
    image: Annotated[Path | None, typer.Option(metavar="OUT.png", help=IMAGE)] = None,
    passwords: PasswordsIn = "",
    collection: Annotated[str | None, typer.Option(help="Only as this collection has it.")] = None,
    as_json: Json = False,
) -> None:
    """Show where a chunk stands in its document."""
    from ragflow.api.citations import cite
    from ragflow.runtime.home import open_home
    from ragflow.views.citations import citation_text

    keyring = passwords_in(passwords)
    with results() as out, open_home() as home:
        citation = cite(home, chunk, collection=collection)
        written = [] if image is None else citation.save(image, passwords=keyring.values)
        passage = plain(citation.passage)
        if as_json:
            out.json(enveloped(**passage, images=[str(each) for each in written]))
            return
        out.line(citation_text(passage, width=out.width))
        for each in written:
            say(f"wrote {each}")
