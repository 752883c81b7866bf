"""Who else in this process has opened this model already?

A model takes seconds to open and as much memory as its weights. So all pipelines of a process
that use one, those of a service too, use the same.
"""

import threading
from weakref import WeakValueDictionary

import msgspec

from ragflow.embedding.model_spec import ModelSpec
from ragflow.embedding.opening import open_embedder
from ragflow.interfaces.ingestion import Embedder

_opening = threading.Lock()
_open: WeakValueDictionary[bytes, Embedder] = WeakValueDictionary()
#: The one opened last, which the next run is likely to use; kept though nobody holds it.
_last: list[Embedder] = []


def shared_embedder(spec: ModelSpec, *, device: str | None = None) -> Embedder:
    """Return the embedder of `spec` that this process has open, or open it; see `open_embedder`.

    It stays open while somebody holds it, and until another model is opened. Equal specs on
    the same device share one; safe for threads. Raises what `open_embedder` does.
    """
    key = msgspec.json.encode((spec, device))
    with _opening:
        embedder = _open.get(key)
        if embedder is None:
            _last.clear()  # before the next one takes its memory
            embedder = open_embedder(spec, device=device)
            _open[key] = embedder
        _last[:] = [embedder]
        return embedder
