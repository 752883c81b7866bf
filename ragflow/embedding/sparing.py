"""The embedder that loads torch only once there are enough texts to make it pay."""

import threading
from collections.abc import Callable, Sequence

from ragflow.documents import Vector
from ragflow.interfaces.ingestion import Embedder, EmbedKind

#: Documents up to which NumPy is quicker than loading torch: 20 ms each against five seconds.
FEW = 50


class SparingEncoder:
    """Two embedders of one space: a light one for a few texts, and one that loads torch.

    Queries never load torch. Documents do once there are 50 in all so far, equal ones of a call
    counted once; from then on all are embedded with torch, queries too. The two agree within the
    stated tolerance, so who embeds need not know which it was. Each is opened when it is needed;
    while one thread opens it the others wait.
    """

    def __init__(
        self, dimension: int, *, light: Callable[[], Embedder], heavy: Callable[[], Embedder]
    ) -> None:
        #: Components of a vector.
        self.dimension = dimension
        self._open_light = light
        self._open_heavy = heavy
        self._light: Embedder | None = None
        self._heavy: Embedder | None = None
        self._documents = 0
        self._lock = threading.Lock()

    @property
    def device(self) -> str:
        """Where documents are computed now: ``cpu`` before torch is loaded."""
        return str(getattr(self._heavy, "device", "cpu"))

    def embed(self, texts: Sequence[str], *, kind: EmbedKind = "document") -> list[Vector]:
        """Return one vector a text, in order; see `Embedder`."""
        return self._chosen(texts, kind).embed(texts, kind=kind)

    def close(self) -> None:
        """End what the embedders began; may be called twice."""
        with self._lock:
            for embedder in (self._light, self._heavy):
                close = getattr(embedder, "close", None)
                if close is not None:
                    close()
            self._light = self._heavy = None

    def _chosen(self, texts: Sequence[str], kind: EmbedKind) -> Embedder:
        with self._lock:
            if kind == "document":
                self._documents += len(set(texts))
            if self._heavy is None and kind == "document" and self._documents >= FEW:
                self._heavy = self._open_heavy()
                self._light = None
            if self._heavy is not None:
                return self._heavy
            if self._light is None:
                self._light = self._open_light()
            return self._light
