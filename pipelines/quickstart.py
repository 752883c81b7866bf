"""A folder of documents, kept searchable."""

from ragflow import pipeline
from ragflow.tasks import chunk, embed, extract, files, read, upsert


@pipeline
def quickstart(
    folder: str = "docs",
    collection: str = "quickstart",
    model: str = "all-minilm-l6-v2",
) -> None:
    """Keep a collection true to the files of a folder."""
    documents = read(files(folder))
    content = extract(documents)
    chunks = chunk(content, model=model)
    vectors = embed(chunks, model=model)
    upsert(chunks, vectors, collection=collection)
