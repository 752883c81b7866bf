"""Haystack: load, split, embed, keep in Chroma; run by `ingest` in its environment.

``python haystack_pipeline.py DOCUMENTS STORE MODEL SIZE``. As in Haystack's guides for indexing
pipelines and for Chroma, whose splitter counts words; no overlap, which is its default.
"""

import sys
from pathlib import Path

from haystack import Pipeline
from haystack.components.converters import TextFileToDocument
from haystack.components.preprocessors import DocumentSplitter
from haystack.components.writers import DocumentWriter
from haystack_integrations.components.embedders.sentence_transformers import (
    SentenceTransformersDocumentEmbedder,
)
from haystack_integrations.document_stores.chroma import ChromaDocumentStore

documents, store, model, size = sys.argv[1:]
indexing = Pipeline()
indexing.add_component("converter", TextFileToDocument(store_full_path=True))
indexing.add_component("splitter", DocumentSplitter(split_by="word", split_length=int(size)))
indexing.add_component(
    "embedder", SentenceTransformersDocumentEmbedder(model=model, progress_bar=False)
)
indexing.add_component(
    "writer",
    DocumentWriter(ChromaDocumentStore(collection_name="documents", persist_path=store)),
)
indexing.connect("converter", "splitter")
indexing.connect("splitter", "embedder")
indexing.connect("embedder", "writer")
indexing.run({"converter": {"sources": sorted(Path(documents).rglob("*.txt"))}})
