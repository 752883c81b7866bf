"""A command that names documents hands them to the run of everything that is at work."""

GATED = '''
import time
from pathlib import Path

from ragflow import Content, pipeline, task
from ragflow.tasks import chunk, embed, extract, files, read, upsert


@task(version="1")
def wait(content: Content) -> Content:
    Path("gate.reached").touch()
    while not Path("gate").exists():
        time.sleep(0.02)
    if "bad" in content.text:
        raise ValueError("bad")
    return content


@pipeline
def gated(collection: str = "gated") -> None:
    """Wait for a file."""
    chunks = chunk(wait(extract(read(files("docs")))), model="hashing")
    upsert(chunks, embed(chunks, model="hashing"), collection=collection)
'''


def test_documents_are_handed_to_the_run_at_work(project):
    (project.folder / "pipelines" / "gated.py").write_text(GATED, encoding="utf-8")
    project.write(**{f"k{number:02}": f"text number {number}" for number in range(30)}, z="bad")
    whole = project.start("run", "gated")
    project.until((project.folder / "gate.reached").exists, whole)
    named = project.start("run", "gated", "--only", "k20.txt")
    failing = project.start("run", "gated", "--only", "z.txt", "--json")
    told = "run 1 of gated is at work, and serves them first\n"
    assert [each.stderr.readline() for each in (named, failing)] == [told, told]
    project.open_gate()
    out, err = named.communicate(timeout=60)
    assert (named.returncode, err) == (0, "")
    assert out == "k20.txt: served; run 1 goes on with the others\n"
    out, _ = failing.communicate(timeout=60)
    assert failing.returncode == 3
    assert '"run": 1' in out
    assert whole.wait(60) == 3
    assert [run["run"] for run in project.ask("runs", "runs")["runs"]] == [1]
    alone = project.type("run", "gated", "--only", "k20.txt")
    assert alone.lines[0].startswith("run 2 of gated: succeeded")
    assert project.refused("run", "gated", "--only", "nowhere")[0] == (
        "error: no source lists 'nowhere'"
    )
