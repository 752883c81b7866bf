"""What a plan counts is what a run gives the model, text by text."""

from pathlib import Path
from typing import Any

from ragflow import pipeline
from ragflow.embedding.hashing import HashingEmbedder
from ragflow.embedding.tokenizer import WordTokenizer
from ragflow.tasks import chunk, embed, extract, files, read, upsert

LONG = "".join(f"Sentence number {number} says little. " for number in range(90))


@pipeline
def handbook(folder: str, collection: str = "handbook", model: str = "hashing") -> None:
    """Keep the handbook searchable."""
    chunks = chunk(extract(read(files(folder))), model=model, size=64)
    upsert(chunks, embed(chunks, model=model), collection=collection)


def test_a_plan_counts_the_tokens_of_what_a_run_embeds(tmp_path: Path, monkeypatch):
    """The strings themselves are counted, each once, as the model's own tokenizer does."""
    given: list[str] = []
    embed_texts = HashingEmbedder.embed

    def listen(self: HashingEmbedder, texts: Any, *, kind: Any = "document") -> Any:
        given.extend(texts)
        return embed_texts(self, texts, kind=kind)

    monkeypatch.setattr(HashingEmbedder, "embed", listen)
    (tmp_path / "ragflow.toml").touch()
    docs, tokens = tmp_path / "docs", WordTokenizer(limit=10_000)
    docs.mkdir()
    numbers = []
    for name, text in (
        ("a.md", f"# Keys\n\n{LONG}"),
        ("b.txt", f"{LONG[:1500]}\n\nAnd\nwrapped\nlines."),
        ("copy.md", f"# Keys\n\n{LONG}"),
    ):
        (docs / name).write_text(text, encoding="utf-8")
        plan = handbook.plan(project=tmp_path, folder=str(docs))
        assert given == []
        run = handbook.run(project=tmp_path, folder=str(docs))
        assert plan.chunks_to_embed == run.chunks["embedded"] == len(given)
        assert plan.tokens_to_embed == sum(map(tokens.count, given))
        assert plan.tasks["embed"]["unit"] == ("tokens" if given else None)
        numbers.append(len(given))
        given.clear()
    assert numbers[0] > numbers[1] > numbers[2] == 0
