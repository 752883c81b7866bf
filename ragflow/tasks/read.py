"""Where a pipeline's documents come from."""

from typing import Any

from ragflow.core.handles import Items
from ragflow.core.pipeline_graph import recording
from ragflow.documents import Document
from ragflow.errors import PipelineError


def read(source: Any, *, name: str = "") -> Items[Document]:
    """Read the documents of a source, e.g. ``read(files("docs"))``.

    A second source of a pipeline needs a `name`, under which the ledger knows it. Raises
    `PipelineError` outside of a pipeline.
    """
    builder = recording.get()
    if builder is None:
        raise PipelineError(
            "read() was called outside of a pipeline",
            hint="call it inside a function decorated with @pipeline",
        )
    return builder.add_source("read", source, source_name=name)
