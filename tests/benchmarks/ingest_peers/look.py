"""What is in an index that one of the pipelines beside this file made, and can it be searched?

``python look.py STORE MODEL QUESTIONS``: the questions are a file of JSON: pairs of a text and
the name of the document it is from. Prints one JSON object.
"""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

#: Of this many nearest chunks one must be of the document.
NEAREST = 10
#: Where the pipelines keep the name of a chunk's document.
NAMES = ("source", "file_path", "filename")

#: From vectors of questions to the names of the documents of the nearest chunks.
Search = Callable[[Any], list[list[str]]]


def lengths(texts: Sequence[str], model: str) -> dict[str, float]:
    """Return how many there are and what the model reads of them."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(f"{model}/tokenizer.json")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    limit = json.loads(Path(model, "sentence_bert_config.json").read_text())["max_seq_length"]
    counts = [len(each.ids) for each in tokenizer.encode_batch(list(texts))]
    return {
        "chunks": len(texts),
        "characters": sum(map(len, texts)) / len(texts),
        "tokens": sum(counts) / len(texts),
        "read": sum(min(limit, each) for each in counts),
        "longer": sum(each > limit for each in counts) / len(texts),
    }


def in_chroma(store: Path) -> tuple[list[str], Search]:
    import chromadb

    collection = chromadb.PersistentClient(path=str(store)).get_collection("documents")

    def search(vectors: Any) -> list[list[str]]:
        found = collection.query(query_embeddings=vectors, n_results=NEAREST, include=["metadatas"])
        return [
            [next(str(each[name]) for name in NAMES if name in each) for each in hits]
            for hits in found["metadatas"] or []
        ]

    texts: list[str] = []
    while page := collection.get(limit=1000, offset=len(texts), include=["documents"])["documents"]:
        texts.extend(page)
    return texts, search


def in_sqlite(store: Path) -> tuple[list[str], Search]:
    import sqlite3

    import sqlite_vec

    connection = sqlite3.connect(store / "rows.sqlite")
    connection.enable_load_extension(True)
    sqlite_vec.load(connection)
    nearest = "SELECT filename FROM documents WHERE embedding MATCH ? AND k = ? ORDER BY distance"

    def search(vectors: Any) -> list[list[str]]:
        return [
            [name for (name,) in connection.execute(nearest, (each.tobytes(), NEAREST))]
            for each in vectors
        ]

    return [text for (text,) in connection.execute("SELECT text FROM documents")], search


def main() -> None:
    from sentence_transformers import SentenceTransformer

    store, model, asked = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    questions = json.loads(Path(asked).read_text())
    is_sqlite = (store / "rows.sqlite").is_file()
    texts, search = (in_sqlite if is_sqlite else in_chroma)(store)
    encoder = SentenceTransformer(model, device="cpu", local_files_only=True)
    vectors = encoder.encode([text for text, _ in questions], normalize_embeddings=True)
    answers = zip(search(vectors), questions, strict=True)
    found = sum(any(each.endswith(name) for each in names) for names, (_, name) in answers)
    print(json.dumps({**lengths(texts, model), "found": found, "asked": len(questions)}))


if __name__ == "__main__":
    main()
