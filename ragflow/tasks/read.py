"""Where a pipeline's documents come from."""

from typing import Any

from ragflow.core.handles import Items
from ragflow.core.pipeline_graph import recording
from ragflow.core.source_reference import Whole
from ragflow.documents import Document
from ragflow.errors import PipelineError


def read(source: Any, *, name: str = "", unpack: bool = True) -> Items[Document]:
    """Read the documents of a source, e.g. ``read(files("docs"))``.

    What archives hold and what is attached to mails are documents of their own, under
    ``bundle.zip!/notes/x.md``; with ``unpack=False`` only what the source itself lists is.
    A second source of a pipeline needs a `name`, under which the ledger knows it. Raises
    `PipelineError` outside of a pipeline.
    """
    builder = recording.get()
    if builder is None:
        raise PipelineError(
            "read() was called outside of a pipeline",
            hint="call it inside a function decorated with @pipeline",
        )
    return builder.add_source("read", source if unpack else Whole(source), source_name=name)
