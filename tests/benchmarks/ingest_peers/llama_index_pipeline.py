"""LlamaIndex: load, split, embed, keep in Chroma; run by `ingest` in its environment.

``python llama_index_pipeline.py DOCUMENTS STORE MODEL SIZE``. As in LlamaIndex's guides for storing
and for the ingestion pipeline; no overlap, since nobody here has one.
"""

import sys

import chromadb
from llama_index.core import SimpleDirectoryReader
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from llama_index.vector_stores.chroma import ChromaVectorStore

documents, store, model, size = sys.argv[1:]
client = chromadb.PersistentClient(path=store)
pipeline = IngestionPipeline(
    transformations=[
        SentenceSplitter(chunk_size=int(size), chunk_overlap=0),
        HuggingFaceEmbedding(model_name=model),
    ],
    vector_store=ChromaVectorStore(chroma_collection=client.get_or_create_collection("documents")),
)
pipeline.run(documents=SimpleDirectoryReader(documents, recursive=True).load_data())
