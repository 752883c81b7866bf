"""A pipeline whose model is asked over HTTP: what may pass is tried again, the rest fails alone."""

import pytest

from tests.unit.embedding.endpoint import KEY, POISON, Endpoint, spec_toml

PIPELINE = """
from datetime import timedelta

from ragflow import Retry, pipeline
from ragflow.tasks import chunk, embed, extract, files, read, upsert

SOON = Retry(initial=timedelta(0))


@pipeline
def far(executor: str = "threads", collection: str = "far") -> None:
    chunks = chunk(extract(read(files("docs"))), model="far")
    asked = embed.options(retries=SOON, executor=executor, limit=2, rate="service")
    upsert(chunks, asked(chunks, model="far"), collection=collection)
"""


@pytest.fixture
def endpoint(project, monkeypatch):
    with Endpoint() as opened:
        (project.folder / "models").mkdir()
        spec = spec_toml(opened.url, price=1000.0)
        (project.folder / "models" / "far.toml").write_text(spec, "utf-8")
        (project.folder / "pipelines" / "far.py").write_text(PIPELINE, "utf-8")
        toml = project.folder / "ragflow.toml"
        toml.write_text(f'{toml.read_text("utf-8")}[rates]\nservice = "1000/s"\n', "utf-8")
        monkeypatch.setenv("FAR_KEY", KEY)
        project.write(a="the harbour was frozen over", b="rates of interest", c="a third text")
        yield opened


def sent(endpoint):
    return sorted(text for each in endpoint.asked for text in each["input"])


def test_documents_are_indexed_and_found_and_the_key_is_kept_nowhere(project, endpoint):
    summary = project.ask("run", "run", "far")
    assert (summary["state"], summary["documents"]["added"]) == ("succeeded", 3)
    assert sent(endpoint) == ["a third text", "rates of interest", "the harbour was frozen over"]
    hit, *_ = project.ask("query", "query", "far", "frozen harbour")["hits"]
    assert hit["key"] == "a.txt"
    assert endpoint.asked[-1]["input"] == ["find: frozen harbour"]
    home = [file for file in (project.folder / ".ragflow").rglob("*") if file.is_file()]
    assert home
    assert [file for file in home if KEY.encode() in file.read_bytes()] == []


def test_what_did_not_change_asks_nothing_wherever_the_endpoint_is_now(project, endpoint):
    project.type("run", "far")
    count = len(endpoint.asked)
    with Endpoint() as moved:
        (project.folder / "models" / "far.toml").write_text(spec_toml(moved.url), "utf-8")
        assert project.ask("run", "run", "far")["documents"]["unchanged"] == 3
        assert moved.asked == []
        project.write(d="a fourth text")
        project.type("run", "far")
        assert sent(moved) == ["a fourth text"]
    assert len(endpoint.asked) == count


def test_a_query_says_when_nobody_answers(project, endpoint):
    project.type("run", "far")
    silent = spec_toml("http://127.0.0.1:1/v1")
    (project.folder / "models" / "far.toml").write_text(silent, "utf-8")
    [error, hint] = project.refused("query", "far", "harbour", code=1)
    assert error.startswith(
        "error: the endpoint http://127.0.0.1:1/v1/embeddings cannot be reached"
    )
    assert "models check" in hint


@pytest.mark.parametrize(
    "trouble",
    [(429, {"Retry-After": "0.1"}, b""), (503, {}, b""), None],
    ids=["too many", "overloaded", "dropped"],
)
def test_trouble_that_passes_is_over_within_the_run(project, endpoint, trouble):
    endpoint.script.append(trouble)
    summary = project.ask("run", "run", "far")
    assert (summary["state"], summary["documents"]["added"]) == ("succeeded", 3)
    assert not endpoint.script


def test_a_text_that_is_refused_fails_alone(project, endpoint):
    project.write(b=f"the {POISON} one")
    summary = project.ask("run", "run", "far", code=3)
    assert (summary["documents"]["added"], summary["documents"]["failed"]) == (2, 1)
    assert len(endpoint.asked) <= 2 * 3 - 1
    [letter] = project.ask("dead-letters", "dead-letters", "list")["dead_letters"]
    assert letter["key"] == "b.txt"
    assert "answered 400: This model's maximum context length" in letter["message"]


def test_a_refused_key_ends_the_run_and_is_held_against_no_document(project, endpoint, monkeypatch):
    monkeypatch.setenv("FAR_KEY", "sk-of-somebody-else")
    [error, hint] = project.refused("run", "far", code=2)
    assert "refuses the key in 'env:FAR_KEY'" in error
    assert "env:FAR_KEY" in hint
    assert "sk-of" not in error + hint
    assert project.ask("dead-letters", "dead-letters", "list")["dead_letters"] == []


def test_a_key_that_is_not_set_is_named_before_anything_is_sent(project, endpoint, monkeypatch):
    monkeypatch.delenv("FAR_KEY")
    [error, hint] = project.refused("run", "far", code=1)
    assert "'env:FAR_KEY' is not set" in error
    assert "FAR_KEY" in hint
    assert endpoint.asked == []


def test_a_worker_process_finds_the_key_itself_and_tells_what_was_used(project, endpoint):
    endpoint.script.append((429, {"Retry-After": "0.1"}, b""))
    summary = project.ask("run", "run", "far", "-p", "executor=processes")
    assert (summary["state"], summary["documents"]["added"]) == ("succeeded", 3)
    assert summary["used"] == {"tokens": 11, "usd": 0.011}


def test_a_run_says_what_was_used_and_what_it_costs(project, endpoint):
    words = sum(len(text.split()) for text in ("the harbour was frozen over", "rates of interest"))
    summary = project.ask("run", "run", "far")
    assert summary["used"] == {"tokens": words + 3, "usd": (words + 3) / 1000}
    assert "used       11 tokens, 0.011 USD" in project.type("show", "1").lines
    assert "used" not in project.ask("run", "run", "far")  # nothing was asked


def test_a_plan_counts_tokens_and_their_price_and_asks_nobody(project, endpoint):
    plan = project.ask("plan", "plan", "far")
    assert (plan["chunks_to_embed"], plan["exact"]) == (3, True)
    assert plan["tokens_to_embed"] > 11  # an estimate, and rather too many
    assert plan["usd"] == plan["tokens_to_embed"] / 1000
    assert endpoint.asked == []
    assert f"price      {plan['usd']:g} USD" in project.type("plan", "far").out
