import importlib.util
from pathlib import Path

import pytest

from ragflow.embedding.budget import LlmBudget
from ragflow.embedding.model_spec import load_spec
from ragflow.embedding.opening import open_tokenizer
from ragflow.interfaces.ingestion import Tokenizer


@pytest.fixture(scope="session")
def words() -> Tokenizer:
    return open_tokenizer(load_spec("hashing"))


@pytest.fixture(scope="session")
def minilm() -> Tokenizer:
    return open_tokenizer(load_spec("all-minilm-l6-v2"))


@pytest.fixture(scope="session")
def vocabularies() -> Path:
    """Where a wheel that carries vocabularies of tiktoken keeps them; it is not imported."""
    found = importlib.util.find_spec("llama_index")
    for place in (found.submodule_search_locations or ()) if found else ():
        folder = Path(place) / "core" / "_static" / "tiktoken_cache"
        if folder.is_dir():
            return folder
    pytest.skip("no vocabularies here: pip install --no-deps llama-index-core")


@pytest.fixture(scope="session")
def cl100k(vocabularies: Path) -> LlmBudget:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(vocabularies))
        return LlmBudget("cl100k_base")
