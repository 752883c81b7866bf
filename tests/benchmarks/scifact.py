"""How well is the right abstract found, in the figures others publish?

SciFact in BEIR's layout: 5,183 abstracts, 300 claims to look up, 339 judgements. The measure
is nDCG@10; the published figure of all-MiniLM-L6-v2 is 0.64508 (whole abstracts, cut where
the model stops reading). A document's text is its title, a blank line, its abstract.

Run as ``python tests/benchmarks/scifact.py [--model NAME] [--minimum TOKENS]`` it prints the
*reference*: exact cosine over vectors of ragflow's embedder, once over whole documents and
once over chunks, where the best chunk speaks for its document. Anything else that searches is
measured by the same `evaluate`: it is given as a function from queries to ranked documents.
"""

import argparse
import gzip
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ragflow.chunking.boundaries import cut, cut_whole
from ragflow.documents import Content, Vector
from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.opening import open_embedder, open_tokenizer
from ragflow.interfaces.ingestion import Embedder

FOLDER = Path(__file__).parents[3] / "shared" / "corpora" / "beir-scifact"
#: Tokens below which the last chunk of a document takes some of the one before it.
MINIMUM = 32

#: From queries and a number to the ids of so many documents a query, best first.
Retrieve = Callable[[Sequence[str], int], Sequence[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Collected:
    """Documents, queries, and which documents answer which query, by id."""

    documents: Mapping[str, str]
    queries: Mapping[str, str]
    judgements: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over all queries."""

    ndcg_10: float
    recall_10: float
    recall_100: float


def read_corpus(folder: Path = FOLDER) -> Collected:
    """Read the corpus; only queries that have a judgement are kept."""
    with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    documents = {row["_id"]: f"{row['title']}\n\n{row['text']}" for row in rows}
    judgements: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:]:
        query, document, grade = line.split("\t")
        judgements.setdefault(query, {})[document] = int(grade)
    lines = (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    queries = {row["_id"]: row["text"] for row in map(json.loads, lines)}
    return Collected(documents, {key: queries[key] for key in judgements}, judgements)


def evaluate(retrieve: Retrieve, corpus: Collected) -> Scores:
    """Return how well `retrieve` finds the documents that answer each query."""
    keys = list(corpus.queries)
    rankings = retrieve([corpus.queries[key] for key in keys], 100)
    pairs = [(ranking, corpus.judgements[key]) for key, ranking in zip(keys, rankings, strict=True)]
    return Scores(
        ndcg_10=sum(ndcg(*pair, k=10) for pair in pairs) / len(pairs),
        recall_10=sum(recall(*pair, k=10) for pair in pairs) / len(pairs),
        recall_100=sum(recall(*pair, k=100) for pair in pairs) / len(pairs),
    )


def ndcg(ranking: Sequence[str], grades: Mapping[str, int], *, k: int) -> float:
    """Return the normalized discounted cumulative gain of one ranking, as trec_eval does."""
    gains = [grades.get(key, 0) for key in ranking[:k]]
    best = sorted(grades.values(), reverse=True)[:k]
    return _discounted(gains) / _discounted(best)


def recall(ranking: Sequence[str], grades: Mapping[str, int], *, k: int) -> float:
    """Return the share of the answers that are among the first `k`."""
    answers = {key for key, grade in grades.items() if grade > 0}
    return len(answers & set(ranking[:k])) / len(answers)


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 2) for rank, gain in enumerate(gains))


def exact_search(owners: Sequence[str], vectors: Sequence[Vector], embedder: Embedder) -> Retrieve:
    """Return a search by exact cosine; `owners[i]` is the document that `vectors[i]` is of."""
    names = sorted(set(owners))
    places = np.searchsorted(names, owners)
    matrix = _matrix(vectors)

    def retrieve(queries: Sequence[str], k: int) -> list[list[str]]:
        rankings = []
        for row in _matrix(embedder.embed(queries, kind="query")):
            best = np.full(len(names), -np.inf, dtype=np.float32)
            np.maximum.at(best, places, matrix @ row)
            rankings.append([names[place] for place in np.argsort(-best, kind="stable")[:k]])
        return rankings

    return retrieve


def _matrix(vectors: Sequence[Vector]) -> np.ndarray:
    rows = np.frombuffer(b"".join(each.half for each in vectors), dtype="<f2")
    return rows.reshape(len(vectors), -1).astype(np.float32)


def main() -> None:
    """Print the reference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="all-minilm-l6-v2")
    parser.add_argument("--minimum", type=int, default=MINIMUM)
    parser.add_argument("--corpus", type=Path, default=FOLDER)
    given = parser.parse_args()
    spec = load_spec(given.model)
    tokenizer, embedder = open_tokenizer(spec), open_embedder(spec)
    corpus = read_corpus(given.corpus)
    ways = {
        "whole": lambda content: cut_whole(content, tokenizer),
        "chunks": lambda content: cut(content, tokenizer, minimum=given.minimum),
    }
    made: dict[str, Vector] = {}
    for name, way in ways.items():
        pieces = [
            (key, text[each.start : each.end])
            for key, text in corpus.documents.items()
            for each in way(Content(text=text))
        ]
        missing = list(dict.fromkeys(text for _, text in pieces if text not in made))
        start = time.perf_counter()
        made |= dict(zip(missing, embedder.embed(missing), strict=True))
        seconds = time.perf_counter() - start
        owners = [key for key, _ in pieces]
        search = exact_search(owners, [made[text] for _, text in pieces], embedder)
        scores = evaluate(search, corpus)
        print(
            f"{spec.name} {name}: nDCG@10 {scores.ndcg_10:.4f},"
            f" recall@10 {scores.recall_10:.4f}, recall@100 {scores.recall_100:.4f};"
            f" {len(pieces)} pieces, {len(missing)} embedded in {seconds:.0f} s"
        )


if __name__ == "__main__":
    main()
