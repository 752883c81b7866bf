import pytest


def ran(summary):
    return {name: task["ran"] for name, task in summary["tasks"].items() if task["ran"]}


def test_a_pipeline_of_steps_is_told_as_steps(project):
    done = project.type("run", "chain")
    lines = [line.split() for line in done.lines]
    assert done.lines[0].startswith("run 1 of chain: succeeded in ")
    assert lines[1:3] == [[], ["task", "ran", "memoized", "failed", "time"]]
    assert [line[:4] for line in lines[3:]] == [
        [name, "1", "0", "0"] for name in ("fetch", "wait", "store")
    ]
    shown = project.type("show", "1").out
    assert shown.startswith(done.out.rstrip("\n"))
    assert "documents" not in shown
    assert project.type("runs").lines[1].endswith("3 steps")
    assert project.type("plan", "chain").lines == [
        "plan for chain",
        "",
        "steps  3 to call: fetch, wait, store",
    ]


def test_a_step_that_failed_is_shown_with_its_attempt_and_traceback(project):
    assert project.refused("run", "chain", "-p", "fail=true", code=1) == [
        "error: the step 'store' failed: ValueError: no room",
        "hint: `ragflow show 1` tells more",
    ]
    shown = project.type("show", "1")
    assert "documents" not in shown.out
    assert "Traceback" not in shown.out
    heading = ["failed", "attempt", "outcome", "time", "reason"]
    at = [line.split() for line in shown.lines].index(["task", *heading[1:]])
    assert shown.lines[at + 1].split()[:5] == ["store", "1", "raised", "an", "error"]
    assert shown.lines[at + 1].endswith("ValueError: no room")
    with_traceback = project.type("show", "1", "--traceback").lines
    assert "store, attempt 1:" in with_traceback
    assert '    raise ValueError("no room")' in with_traceback
    [attempt] = project.ask("run", "show", "1")["attempts"]
    assert (attempt["task"], attempt["number"], attempt["outcome"]) == ("store", 1, "error")
    assert "Traceback" in attempt["traceback"]


def test_a_run_ends_with_the_task_until_which_it_was_to_go(project):
    summary = project.ask("run", "run", "chain", "--until", "wait")
    assert ran(summary) == {"fetch": 1, "wait": 1}
    assert project.type("plan", "chain", "--until", "fetch").lines[-1] == "steps  1 to call: fetch"


def test_only_the_named_documents_are_looked_at(project):
    project.write(a="one", b="two", c="three")
    planned = project.ask("plan", "plan", "strict", "--only", "a.txt")
    assert planned["documents"]["added"] == 1
    summary = project.ask("run", "run", "strict", "--only", "a.txt", "--only", "c.txt")
    assert summary["documents"]["added"] == 2
    assert project.ask("run", "run", "strict")["documents"]["added"] == 1
    project.write(d="four")
    assert project.refused("run", "strict", "--only", "e.txt")[0] == (
        "error: no source lists 'e.txt'"
    )


def test_what_is_remembered_is_not_used_from_a_task_on_or_at_all(project):
    project.write(a="one")
    project.type("run", "strict")
    assert "extract" not in ran(project.ask("run", "run", "strict"))
    again = ran(project.ask("run", "run", "strict", "--from", "chunk"))
    assert {"chunk", "embed"} <= set(again)
    assert "extract" not in again
    assert "extract" in ran(project.ask("run", "run", "strict", "--force"))
    assert project.ask("plan", "plan", "strict", "--force")["documents"]["stale"] == 1


def test_more_failures_than_may_be_fail_the_run(project):
    project.write(a="bad", b="bad too", c="good", d="better")
    told = project.refused("run", "strict", "-p", "forbidden=bad", "--max-failed", "25%", code=1)
    assert told[0] == "error: 2 of 4 failed, more than 25%"
    enough = project.type(
        "run", "strict", "-p", "forbidden=bad", "-p", "later=x", "--max-failed", "50%", code=3
    )
    assert enough.out.splitlines()[0].startswith("run 2 of strict: succeeded with failures")
    project.refused("run", "strict", "-p", "forbidden=b", "--max-failed", "0", code=1)


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "101%", "%", "nan%"])
def test_what_is_no_number_of_failures_is_refused(project, text):
    assert project.refused("run", "chain", f"--max-failed={text}") == [
        f"error: --max-failed {text!r} is neither a number nor a percentage",
        "hint: write 10, or 2% of all documents",
    ]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--until", "stroe"], "pipeline 'chain' has no task 'stroe'"),
        (["--from", "stroe"], "pipeline 'chain' has no task 'stroe'"),
        (
            ["--until", "fetch", "--from", "store"],
            "'store' is not called by a run that ends with 'fetch'",
        ),
    ],
)
@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_task_that_is_not_there_is_wrong_usage(project, command, options, error):
    assert project.refused(command, "chain", *options)[0] == f"error: {error}"


def test_a_run_says_how_many_are_held_back_and_when_the_first_is_due(project):
    project.write(a="bad", b="closed", c="good")
    asked = ("run", "strict", "-p", "forbidden=bad", "-p", "later=closed")
    project.type(*asked, code=3)
    project.type(*asked, code=3)  # what may pass is tried again at once, and then in a minute
    again = project.type(*asked)
    assert "documents     1 unchanged, 2 held back" in again.lines
    [said] = [line for line in again.lines if line.startswith("dead letters")]
    assert said.startswith("dead letters  2 held back; the first is due at ")
    assert said.endswith("; `ragflow dead-letters list` says why")
