"""One pair of a whole pipeline and embedding alone; a process that `ingest` starts.

``python ingest_whole.py DOCUMENTS TEXTS [--precision WAY] [--first whole|alone] [--samples]``.
TEXTS is a file of JSON: every chunk of the documents as it is embedded, in their order. WAY is a
precision, perhaps with its engine before it (``openvino/bfloat16``); without one it is what ragflow
chooses here. The model is open and warm before anything is measured; what else the pipeline
imports counts for it.
"""

import argparse
import json
import os
import resource as usage
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ragflow import pipeline, resource
from ragflow.documents import Vector
from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.opening import open_embedder
from ragflow.embedding.weights import find_weights
from ragflow.interfaces.ingestion import Embedder, EmbedKind
from ragflow.tasks import chunk, embed, extract, files, read, upsert

MODEL = "all-minilm-l6-v2"
#: Texts that the model is warmed with: enough for it to have chosen its precision.
WARM = 640


class Open:
    """The embedder, and what became of it: how long it worked, and on what."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._counting = threading.Lock()
        self.texts: list[str] = []
        #: When each call began and ended.
        self.calls: list[tuple[float, float]] = []

    def embed(self, texts: Sequence[str], *, kind: EmbedKind = "document") -> list[Vector]:
        begun = time.perf_counter()
        vectors = self._embedder.embed(texts, kind=kind)
        ended = time.perf_counter()
        with self._counting:
            self.texts.extend(texts)
            self.calls.append((begun, ended))
        return vectors

    def times(self, begun: float, ended: float) -> dict[str, float]:
        """Return how long it worked between two instants, and when it did not."""
        first = min(begin for begin, _ in self.calls)
        last = max(end for _, end in self.calls)
        busy, until = 0.0, first
        for begin, end in sorted(self.calls):
            busy += max(0.0, end - max(begin, until))
            until = max(until, end)
        return {
            "calls": len(self.calls),
            "embedding": busy,
            "before": first - begun,
            "between": last - first - busy,
            "after": ended - last,
        }

    def __getattr__(self, name: str) -> Any:
        return getattr(self._embedder, name)


class Known:
    """Gives vectors that were computed before: what is left is the pipeline's own."""

    device = "nowhere"

    def __init__(self, vectors: Mapping[str, Vector]) -> None:
        self._vectors = vectors

    def embed(self, texts: Sequence[str], *, kind: EmbedKind = "document") -> list[Vector]:
        del kind
        return [self._vectors[text] for text in texts]


_held: list[Any] = []


@resource(identity=lambda model: load_spec(model).identity())
@contextmanager
def opened(model: str) -> Iterator[Embedder]:
    """Give the one that is open, and leave it open."""
    del model
    yield _held[-1]


@pipeline
def ingest(model: str = MODEL) -> None:
    """The default pipeline, with an embedder that is already open."""
    chunks = chunk(extract(read(files("docs"))), model=model)
    upsert(chunks, embed(chunks, model=model, embedder=opened()), collection="documents")


def opening(way: str) -> Embedder:
    """Open the embedder as a pipeline does, or one that computes in a way that is named."""
    spec = load_spec(MODEL)
    if not way:
        return open_embedder(spec)
    from ragflow.embedding.encoder import Encoder

    engine, _, precision = way.rpartition("/")
    chosen: Any = {"engine": engine or "torch", "precision": precision}
    return Encoder(spec, find_weights(spec), **chosen)


def way_of(embedder: Any) -> dict[str, str]:
    """Return by what it computes, and how exactly."""
    encoder = getattr(embedder, "_heavy", None) or embedder
    way = encoder.way
    return {"engine": way.engine, "precision": way.precision, "way": repr(way)}


def spent() -> float:
    """Return the processor seconds of this process and of those it waited for."""
    both = (usage.getrusage(each) for each in (usage.RUSAGE_SELF, usage.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


def measured(do: Callable[[], Any]) -> dict[str, Any]:
    processor, begun = spent(), time.perf_counter()
    came_to = do()
    ended = time.perf_counter()
    return {
        "seconds": ended - begun,
        "processor": spent() - processor,
        "span": (begun, ended),
        "came_to": came_to,
    }


def whole(documents: Path, embedder: Any) -> dict[str, Any]:
    """Run the pipeline in a fresh home."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_FOLDER")) as name:
        project = Path(name)
        (project / "ragflow.toml").touch()
        (project / "docs").symlink_to(documents, target_is_directory=True)
        _held.append(embedder)
        result = measured(lambda: ingest.run(project=project))
        _held.pop()
    run = result.pop("came_to")
    assert run.state == "succeeded", run
    return {
        **result,
        "chunks": run.chunks["total"],
        "tasks": {name: task["seconds"] for name, task in run.tasks.items()},
    }


def pair(documents: Path, texts: Sequence[str], embedder: Any, first: str) -> dict[str, Any]:
    """Measure both, one after the other."""
    found: dict[str, Any] = {}
    for each in ("whole", "alone") if first == "whole" else ("alone", "whole"):
        if each == "alone":
            found["alone"] = measured(lambda: len(embedder.embed(texts, kind="document")))
            continue
        watched = Open(embedder)
        found["whole"] = whole(documents, watched)
        assert set(watched.texts) == set(texts), "the pipeline embedded other texts"
        found["whole"] |= watched.times(*found["whole"]["span"])
    return found


def own(documents: Path, texts: Sequence[str], embedder: Any) -> dict[str, Any]:
    """Measure the pipeline where vectors cost nothing: once as it is, once with samples taken."""
    from tests.benchmarks.ingest_sampling import Samples

    distinct = list(dict.fromkeys(texts))
    vectors = dict(zip(distinct, embedder.embed(distinct, kind="document"), strict=True))
    samples = Samples()
    plain = whole(documents, Known(vectors))
    with samples.taking():
        sampled = whole(documents, Known(vectors))
    return {
        "plain": plain,
        "sampled": sampled,
        "by_place": dict(samples.by_place.most_common()),
        "by_line": dict(samples.by_line.most_common(25)),
        "elsewhere": samples.elsewhere,
    }


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("documents", type=Path)
    asked.add_argument("texts", type=Path)
    asked.add_argument("--precision", default="")
    asked.add_argument("--first", choices=("whole", "alone"), default="whole")
    asked.add_argument("--samples", action="store_true")
    given = asked.parse_args()
    texts = json.loads(given.texts.read_text())
    embedder = opening(given.precision)
    embedder.embed(texts[:WARM], kind="document")
    documents = given.documents.absolute()
    if given.samples:
        found = own(documents, texts, embedder)
    else:
        found = pair(documents, texts, embedder, given.first)
    print(json.dumps({**way_of(embedder), **found}))


if __name__ == "__main__":
    main()
