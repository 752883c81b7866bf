import pytest

from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.opening import open_embedder
from tests.benchmarks.scifact import Collected, evaluate, exact_search, ndcg, read_corpus, recall


def test_gains_are_discounted_by_rank_and_divided_by_the_best_possible():
    assert ndcg(["a", "x", "b"], {"a": 1, "b": 1}, k=10) == pytest.approx(1.5 / 1.6309, abs=1e-4)
    assert ndcg(["a", "b"], {"a": 1, "b": 1}, k=10) == 1
    assert ndcg(["x", "a"], {"a": 1}, k=1) == 0


def test_recall_is_the_share_of_answers_found():
    assert recall(["a", "x", "b"], {"a": 1, "b": 1, "c": 0}, k=2) == 0.5


def test_the_best_chunk_speaks_for_its_document():
    embedder = open_embedder(load_spec("hashing"))
    texts = {"far": "the sea is blue", "near": "a red fox", "both": "nothing of it at all"}
    owners = ["far", "near", "both", "both"]
    vectors = embedder.embed([*texts.values(), "the red fox"])
    corpus = Collected(texts, {"q": "the red fox"}, {"q": {"both": 1}})
    assert evaluate(exact_search(owners, vectors, embedder), corpus).ndcg_10 == 1


def test_the_corpus_has_the_published_size(shared):
    corpus = read_corpus(shared / "corpora" / "beir-scifact")
    assert (len(corpus.documents), len(corpus.queries)) == (5183, 300)
    assert sum(map(len, corpus.judgements.values())) == 339
    assert all(set(grades) <= set(corpus.documents) for grades in corpus.judgements.values())
