"""Encrypted documents are read with passwords that a secret tells, and those are kept nowhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ragflow import Secret, pipeline
from ragflow.errors import RagflowError
from ragflow.tasks import chunk, embed, extract, files, read, upsert
from tests.acceptance.projects import new_project, rows_in_memory, rows_of
from tests.unit.parsing.samples import encrypted, pdf, prose

TOLD = "env:RAGFLOW_TEST_PASSWORDS"
#: Long enough that no file has it by chance.
PASSWORD = "correct horse battery staple"


@pipeline
def vault(folder: str, collection: str = "vault") -> None:
    """Keep what is locked searchable."""
    content = extract(read(files(folder)), passwords=Secret(TOLD))
    chunks = chunk(content, model="hashing")
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    with rows_in_memory():
        yield


class Vault:
    def __init__(self, root: Path) -> None:
        self.project = new_project(root / "project")
        self.docs = root / "docs"
        self.docs.mkdir()
        locked = encrypted(pdf(prose("What is locked.")), password=PASSWORD)
        (self.docs / "locked.pdf").write_bytes(locked)
        (self.docs / "open.pdf").write_bytes(pdf(prose("What is open.")))

    def run(self) -> dict[str, int]:
        documents = vault.run(project=self.project, folder=str(self.docs)).documents
        return {name: count for name, count in documents.items() if count}

    def texts(self) -> list[str]:
        return sorted(text for _, text, _, _ in rows_of(self.project, "vault"))


@pytest.fixture
def safe(tmp_path: Path) -> Vault:
    return Vault(tmp_path)


def test_what_no_password_opens_is_skipped_and_tried_again_when_the_secret_changed(
    safe: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAGFLOW_TEST_PASSWORDS", "wrong one\nanother")
    assert safe.run() == {"added": 1, "skipped": 1}
    assert safe.texts() == ["What is open."]
    monkeypatch.setenv("RAGFLOW_TEST_PASSWORDS", f"wrong one\n{PASSWORD}")
    assert safe.run()["unchanged"] == 1
    assert safe.texts() == ["What is locked.", "What is open."]
    assert safe.run() == {"unchanged": 2}


def test_no_file_of_the_home_has_a_password(safe: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGFLOW_TEST_PASSWORDS", f"wrong one at all\n{PASSWORD}")
    assert safe.run() == {"added": 2}
    kept = [path.read_bytes() for path in safe.project.rglob("*") if path.is_file()]
    assert any(b"locked.pdf" in each for each in kept)
    assert not any(secret in each for each in kept for secret in (PASSWORD.encode(), b"wrong one"))


def test_a_secret_that_is_not_set_ends_the_run_and_is_named(
    safe: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAGFLOW_TEST_PASSWORDS", raising=False)
    ended: Any = None
    try:
        ended = vault.run(project=safe.project, folder=str(safe.docs)).error
    except RagflowError as error:
        ended = error
    assert TOLD in str(ended)
