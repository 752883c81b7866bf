"""Documents are read in workers, wherever they come from."""

from collections.abc import Iterator

import pytest

from ragflow import Document, pipeline, task
from ragflow.config import Project, ProjectConfig
from ragflow.runtime.home import Home
from ragflow.runtime.run import run
from ragflow.scheduling import elsewhere
from ragflow.sources.files import Files
from ragflow.tasks import chunk, embed, extract, files, read, upsert

PAGE = b"<html><body><p>What is written here.</p></body></html>"


@task(per="source", version="1")
def pages() -> Iterator[tuple[str, Document]]:
    yield "a.html", Document.of(PAGE, "text/html")


@pipeline
def fetched():
    chunks = chunk(extract(pages()), model="hashing")
    upsert(chunks, embed(chunks, model="hashing"), collection="c")


@pipeline
def listed():
    chunks = chunk(extract(read(files("docs"))), model="hashing")
    upsert(chunks, embed(chunks, model="hashing"), collection="c")


@pytest.fixture
def sent(monkeypatch):
    """The values that were sent to workers as bytes."""
    values, send = [], elsewhere.send_value

    def spy(value, *rest, **more):
        values.append(value)
        return send(value, *rest, **more)

    monkeypatch.setattr(elsewhere, "send_value", spy)
    return values


def texts(project, of):
    home = Home(project)
    try:
        assert run(home, of.request({}, project=project))["documents"]["added"] == 1
        generation = home.metadata.generations.published("collection", "c")
        return [row.text for row in home.vectors.rows(generation.physical)]
    finally:
        home.close()


def test_a_document_that_a_task_fetched_is_sent_to_a_worker(tmp_path, sent):
    project = Project(tmp_path, tmp_path / ".ragflow", ProjectConfig())
    assert texts(project, fetched) == ["What is written here."]
    assert [value.read() for value in sent] == [PAGE]


@pytest.mark.parametrize("is_local", [True, False])
def test_a_worker_without_network_loads_only_from_sources_that_need_none(
    tmp_path, sent, monkeypatch, is_local
):
    monkeypatch.setattr(Files, "is_local", is_local)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.html").write_bytes(PAGE)
    project = Project(tmp_path, tmp_path / ".ragflow", ProjectConfig())
    assert texts(project, listed) == ["What is written here."]
    assert [value.read() for value in sent] == ([] if is_local else [PAGE])
