"""Prebuilt tasks: they join an engine to the scheduler and are thin."""

from ragflow.tasks.check import check
from ragflow.tasks.chunk import chunk
from ragflow.tasks.embed import embed, embedder
from ragflow.tasks.extract import extract
from ragflow.tasks.files import files
from ragflow.tasks.group import by_payload, group, parent, parent_folder
from ragflow.tasks.read import read
from ragflow.tasks.split import split
from ragflow.tasks.upsert import upsert

__all__ = [
    "by_payload",
    "check",
    "chunk",
    "embed",
    "embedder",
    "extract",
    "files",
    "group",
    "parent",
    "parent_folder",
    "read",
    "split",
    "upsert",
]
