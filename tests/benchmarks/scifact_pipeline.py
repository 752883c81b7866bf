"""SciFact through the default pipeline and `Index`, beside exact cosine over the same vectors.

Run by ``make bench-scifact``. Prints nDCG@10 for chunks and for whole documents: as `Index`
answers, and as exact cosine over the vectors exported from the collection ranks.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ragflow import Index, pipeline
from ragflow.config import find_project
from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.opening import open_embedder
from ragflow.runtime.home import Home
from ragflow.runtime.known_collections import export_rows
from ragflow.tasks import chunk, embed, extract, files, read, upsert
from tests.benchmarks.scifact import Collected, Retrieve, evaluate, exact_search, read_corpus


@pipeline
def scifact(
    folder: str, collection: str, model: str = "all-minilm-l6-v2", whole: bool = False
) -> None:
    """The default pipeline; whole documents on request."""
    chunks = chunk(extract(read(files(folder))), model=model, whole=whole)
    upsert(chunks, embed(chunks, model=model), collection=collection)


def write_documents(corpus: Collected, folder: Path) -> None:
    """Write one text file a document, named by its id."""
    folder.mkdir()
    for name, text in corpus.documents.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")


def best_documents(keys: Sequence[str], k: int) -> list[str]:
    """Return the first `k` different documents of ranked chunks."""
    return [Path(key).stem for key in dict.fromkeys(keys)][:k]


def by_index(project: Path, collection: str) -> Retrieve:
    """Return a search that asks the index; a document counts by its best chunk."""

    def retrieve(queries: Sequence[str], k: int) -> list[list[str]]:
        with Index.open(collection, project=project) as index:
            found = [index.search(query, k=5 * k) for query in queries]
        return [best_documents([hit.key for hit in hits], k) for hits in found]

    return retrieve


def by_exact_cosine(project: Path, collection: str, model: str) -> Retrieve:
    """Return a search that compares every vector of the collection, outside of ragflow."""
    home = Home(find_project(project))
    try:
        rows = list(export_rows(home, collection, vectors=True))
    finally:
        home.close()
    owners = [Path(str(row.payload["key"])).stem for row in rows]
    embedder = open_embedder(load_spec(model), light=True)
    return exact_search(owners, [row.vectors[""] for row in rows], embedder)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="all-minilm-l6-v2")
    model = parser.parse_args().model
    corpus = read_corpus()
    with tempfile.TemporaryDirectory(prefix="ragflow-scifact-") as temporary:
        project = Path(temporary)
        (project / "ragflow.toml").touch()
        write_documents(corpus, project / "docs")
        for collection, whole in (("chunks", False), ("whole", True)):
            run = scifact.run(
                project=project, folder="docs", collection=collection, model=model, whole=whole
            )
            indexed = evaluate(by_index(project, collection), corpus)
            exact = evaluate(by_exact_cosine(project, collection, model), corpus)
            print(
                f"{collection}: {run.chunks['total']} rows in {run.seconds['total']:.0f} s; "
                f"index {indexed}; exact cosine {exact}",
                flush=True,
            )


if __name__ == "__main__":
    main()
