"""LangChain: load, split, embed, keep in Chroma; run by `ingest` in its environment.

``python langchain_pipeline.py DOCUMENTS STORE MODEL SIZE``. As in LangChain's guides for semantic
search and for Chroma; no overlap, since nobody here has one.
"""

import sys

from langchain_chroma import Chroma
from langchain_community.document_loaders import DirectoryLoader, TextLoader
from langchain_huggingface import HuggingFaceEmbeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter

documents, store, model, size = sys.argv[1:]
loader = DirectoryLoader(
    documents, glob="**/*.txt", loader_cls=TextLoader, loader_kwargs={"encoding": "utf-8"}
)
splitter = RecursiveCharacterTextSplitter(
    chunk_size=int(size), chunk_overlap=0, add_start_index=True
)
chunks = splitter.split_documents(loader.load())
Chroma.from_documents(
    documents=chunks,
    embedding=HuggingFaceEmbeddings(model_name=model),
    collection_name="documents",
    persist_directory=store,
)
