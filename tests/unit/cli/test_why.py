"""What `why`, `why-not` and lineage say of documents that real runs made rows of."""

import pytest

import ragflow
from ragflow.errors import NotFoundError

#: A pipeline whose size and code tests change.
SIZED = '''
from ragflow import Content, pipeline, task
from ragflow.tasks import chunk, embed, extract, files, read, upsert


@task
def clean(content: Content) -> Content:
    return content


@pipeline
def sized(size: int = 100, collection: str = "sized") -> None:
    """Index what there is."""
    content = clean(extract(read(files("docs", exclude=["*.tmp"]))))
    chunks = chunk(content, model="hashing", size=size)
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)
'''


@pytest.fixture
def sized(project):
    """A project with two documents that are served."""
    (project.folder / "pipelines" / "sized.py").write_text(SIZED, encoding="utf-8")
    project.write(a="the first text about databases", b="the second text about networks")
    project.type("run", "sized")
    return project


def why(project, key, *more):
    [found] = project.ask("why", "why", key, *more)["explanations"]
    return found


def why_not(project, key, *more):
    [found] = project.ask("why-not", "why-not", key, *more)["answers"]
    return found["verdict"], found["sentence"], found["hint"]


def lineage(project, key, *more):
    [found] = project.ask("lineage", "lineage", key, *more)["lineages"]
    return found


def hit(project, text):
    return project.ask("query", "query", "sized", text, "-k", "1")["hits"][0]


# --- Why --------------------------------------------------------------------------------------


def test_a_document_tells_what_was_done_how_it_stands_and_what_comes_next(sized):
    found = why(sized, "a.txt")
    assert (found["last"]["run"], found["last"]["sentence"]) == (1, "it was new")
    assert found["last"]["upserted"] == 1
    [end] = found["ends"]
    assert (end["end"], end["state"], end["rows"]) == ("collection:sized", "succeeded", 1)
    assert (found["next"]["cause"], found["next"]["sentence"]) == ("unchanged", "nothing to do")
    lines = sized.type("why", "a.txt").lines
    assert lines[0].split() == ["document", "a.txt"]
    assert lines[-1].split() == ["next", "run", "nothing", "to", "do"]


def test_a_run_that_was_refused_is_named_and_is_no_usual_one(sized):
    texts = {path: path.read_text("utf-8") for path in (sized.folder / "docs").iterdir()}
    for path in texts:
        path.unlink()
    sized.refused("run", "sized", "-p", "size=50", code=1)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    found = why(sized, "a.txt")
    assert found["last_run"] == 2
    assert "lists no document" in found["stopped_by"]
    assert found["next"]["cause"] == "touched"  # with the size of the run that came to its end
    told = sized.type("why", "a.txt").out
    assert "run 2, the last: " in told
    assert "lists no document" in told


def test_what_the_next_run_would_do_is_found_without_a_run(sized):
    sized.write(a="the first text, edited", c="new")
    assert why(sized, "a.txt")["next"]["cause"] == "modified"
    assert why(sized, "c.txt")["next"]["cause"] == "added"
    (sized.folder / "docs" / "b.txt").unlink()
    gone = why(sized, "b.txt")["next"]
    assert (gone["cause"], gone["is_listed"]) == ("deleted", False)
    assert gone["sentence"].endswith("it is not there: the folder has no such file")
    assert sized.ask("runs", "runs")["runs"][0]["run"] == 1


def test_a_touched_file_is_opened_and_said_to_be_the_same(sized):
    path = sized.folder / "docs" / "a.txt"
    path.write_text(path.read_text("utf-8"), encoding="utf-8")
    assert why(sized, "a.txt")["next"]["cause"] == "touched"


def test_a_changed_parameter_is_named_before_and_after_the_run(sized):
    (sized.folder / "ragflow.toml").write_text("[run]\nworkers = 1\n", encoding="utf-8")
    sized.type("run", "sized", "-p", "size=60", "--accept")
    found = why(sized, "a.txt")
    assert found["last"]["sentence"] == "parameter size of chunk 100 → 60"
    [changed] = found["last"]["changed"]
    assert (changed["task"], changed["what"], changed["name"]) == ("chunk", "parameter", "size")
    assert (changed["before"], changed["after"]) == (100, 60)
    assert [each["run"] for each in found["earlier"]] == [1]
    assert why(sized, "a.txt", "--run", "1")["last"]["sentence"] == "it was new"


def test_changed_code_is_named_before_it_runs(sized):
    path = sized.folder / "pipelines" / "sized.py"
    told = sized.start("why", "a.txt", "--json").communicate()[0]
    assert '"unchanged"' in told
    edited = SIZED.replace("return content", "assert content is not None\n    return content")
    path.write_text(edited, encoding="utf-8")
    told = sized.start("why", "a.txt").communicate()[0]
    assert told.splitlines()[-1] == "next run  code of clean changed"


def test_a_run_that_did_nothing_with_it_says_so(sized):
    sized.write(b="changed")
    sized.type("run", "sized")
    lines = sized.type("why", "a.txt").lines
    assert any(line.endswith("run 2, the last, did nothing with it") for line in lines)
    assert why(sized, "a.txt", "--run", "2")["last"]["cause"] == "unchanged"


def test_a_moved_document_says_from_where_and_the_old_key_to_where(sized):
    docs = sized.folder / "docs"
    (docs / "a.txt").rename(docs / "z.txt")
    sized.type("run", "sized")
    moved = why(sized, "z.txt")["last"]
    assert (moved["cause"], moved["came_from"], moved["ran"]) == ("moved", "a.txt", 0)
    gone = why(sized, "a.txt")
    assert (gone["last"]["sentence"], gone["last"]["run"]) == ("it was moved to z.txt", 2)
    assert why_not(sized, "a.txt")[0] == "moved"


def test_a_row_tells_its_document(sized):
    row = hit(sized, "databases")["id"]
    found = why(sized, row)
    assert (found["key"], found["rows"][0]["id"]) == ("a.txt", row)
    assert "databases" in found["rows"][0]["text"]


def test_unknown_keys_name_the_nearest(sized):
    assert sized.refused("why", "aa.txt")[1].startswith("hint: did you mean 'a.txt'")
    assert sized.refused("lineage", "docs/b.txt")[1] == "hint: did you mean 'b.txt'?"
    assert sized.refused("why-not", "q.txt")[0] == "error: nothing is known of 'q.txt'"


def test_a_key_of_two_instances_must_be_named_with_one(sized):
    sized.type("run", "sized", "--instance", "other")
    assert sized.refused("why", "a.txt") == [
        "error: 'a.txt' is a document of 2 instances: other, sized",
        "hint: say which: --instance other",
    ]
    assert why(sized, "a.txt", "--instance", "other")["last"]["run"] == 2
    assert sized.refused("why", "a.txt", "--instance", "no")[1] == "hint: instances: other, sized"


def test_nothing_is_known_before_the_first_run(project):
    for command in ("why", "why-not", "lineage"):
        assert project.refused(command, "a.txt")[0].startswith("error: nothing has run yet")


def test_why_is_told_what_about_once(sized):
    assert sized.refused("why")[0] == "error: why was not told what about"
    assert sized.refused("why", "a.txt", "--code", "clean")[0].startswith("error: --code was given")
    assert sized.refused("why", "a.txt", "--pipeline", "x")[0].startswith("error: --pipeline")
    assert "clean" in sized.type("why", "--code", "clean", "--pipeline", "sized").out


# --- Why not ----------------------------------------------------------------------------------


def test_what_is_not_listed_is_explained_by_its_source(sized):
    sized.write(x="x")
    (sized.folder / "docs" / "x.txt").rename(sized.folder / "docs" / "x.tmp")
    assert why_not(sized, "x.tmp") == ("not_listed", "it is left out by exclude", None)


def test_what_is_listed_and_not_run_skipped_or_served(sized):
    sized.write(c="new")
    (sized.folder / "docs" / "empty.txt").touch()
    assert why_not(sized, "c.txt")[0] == why_not(sized, "empty.txt")[0] == "not_run"
    sized.type("run", "sized")
    assert why_not(sized, "c.txt")[0] == "in_index"
    verdict, sentence, _ = why_not(sized, "empty.txt")
    assert (verdict, sentence) == ("skipped", "it was skipped: the file is empty")
    sized.write(c="edited")
    assert why_not(sized, "c.txt")[0] == "outdated"
    (sized.folder / "docs" / "c.txt").unlink()
    assert why_not(sized, "c.txt")[0] == "not_listed"
    sized.type("run", "sized")
    assert why_not(sized, "c.txt")[:2] == ("deleted", "it is no longer listed; run 3 removed it")


def test_a_run_that_would_help_is_named_with_its_parameters(sized):
    sized.type("run", "sized", "-p", "collection=my own", "--instance", "other")
    sized.write(c="new")
    answers = sized.ask("why-not", "why-not", "c.txt")["answers"]
    assert {each["instance"]: each["hint"] for each in answers} == {
        "sized": "ragflow run sized",
        "other": "ragflow run sized --instance other -p 'collection=my own'",
    }


def test_what_failed_says_what_releases_it(project):
    project.write(a="bad", b="good", c="closed")
    project.type("run", "strict", "-p", "forbidden=bad", "-p", "later=closed", code=3)
    verdict, sentence, hint = why_not(project, "a.txt")
    assert (verdict, sentence) == ("failed", "it failed: ValueError: bad is not allowed")
    assert "dead-letters show 1" in hint
    # What may pass is tried by the next run at once, and after a minute by the one after.
    assert why(project, "c.txt")["next"]["sentence"] == "it failed, and is tried again"
    project.type("run", "strict", "-p", "forbidden=bad", "-p", "later=closed", code=3)
    later = why(project, "c.txt")
    assert later["last"]["cause"] == "retried"
    assert later["next"]["sentence"].startswith("nothing to do yet; it is tried again from 2")
    project.type("dead-letters", "discard", "1", "--yes")
    assert why_not(project, "a.txt")[0] == "discarded"


# --- Lineage ----------------------------------------------------------------------------------


def test_a_hit_leads_to_its_document_and_the_document_to_the_hit(sized):
    found = hit(sized, "databases")
    back = lineage(sized, found["id"])
    [end] = back["ends"]
    assert (back["key"], back["made_by"]["run"]) == ("a.txt", 1)
    assert [task["name"] for task in end["tasks"]] == [
        *("read", "extract", "extract-parts", "recognize", "assemble"),
        *("clean", "chunk", "embed", "upsert"),
    ]
    clean, chunk, embed = end["tasks"][5:8]
    assert clean["code"]
    assert chunk["parameters"]["size"] == 100
    assert embed["resources"]["embedder"]["name"] == "hashing"
    [row] = end["rows"]
    assert (row["id"], row["start"]) == (found["id"], found["start"])
    assert "databases" in row["text"]
    forward = lineage(sized, back["key"])
    assert found["id"] in [row["id"] for row in forward["ends"][0]["rows"]]
    assert forward["version"] == end["version"] == back["version"]
    assert lineage(sized, found["id"][:24])["key"] == "a.txt"


def test_lineage_in_words(sized):
    lines = sized.type("lineage", "a.txt").lines
    assert lines[0].split() == ["document", "a.txt"]
    assert any(line.startswith("chunk ") and "size=100" in line for line in lines)


def test_rows_that_stay_while_a_newer_version_fails_were_made_by_the_run_that_made_them(project):
    project.write(a="good")
    project.type("run", "strict", "-p", "forbidden=bad")
    before = lineage(project, "a.txt")
    project.write(a="bad")
    project.type("run", "strict", "-p", "forbidden=bad", code=3)
    found = lineage(project, "a.txt")
    [end] = found["ends"]
    assert (end["standing"]["run"], found["made_by"]["run"]) == (2, 1)
    assert found["version"] != end["version"] == before["version"]
    assert end["tasks"] == before["ends"][0]["tasks"]


# --- In Python --------------------------------------------------------------------------------


def test_the_same_from_python(sized):
    [explanation] = ragflow.why("a.txt", project=sized.folder)
    assert explanation.last is not None
    assert explanation.last.cause == "added"
    answers = ragflow.why_not("a.txt", project=sized.folder)
    assert (answers[0].verdict, repr(answers)) == ("in_index", "<1 answer>")
    traced = ragflow.lineage("a.txt", project=sized.folder)
    assert "<table>" in traced._repr_html_()
    assert traced[0].ends[0].rows
    with pytest.raises(NotFoundError):
        ragflow.lineage("nope", project=sized.folder)
