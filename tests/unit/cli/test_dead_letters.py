import io
import sys

import pytest

from ragflow.api.people import user_name

FAILING = ("run", "strict", "-p", "forbidden=bad", "-p", "later=closed")


@pytest.fixture
def failed(project):
    """A project with three dead letters, the last of them tried twice."""
    project.write(a="bad", b="also bad", c="closed", d="good")
    project.type(*FAILING, code=3)
    project.type(*FAILING, code=3)
    return project


def keys(project):
    found = project.ask("dead-letters", "dead-letters", "list")["dead_letters"]
    return [letter["key"] for letter in found]


def test_a_project_without_dead_letters_says_so(project):
    done = project.type("dead-letters", "list")
    assert (done.out, done.err) == ("", "no dead letters\n")
    assert project.type("dead-letters", "replay").err == "no dead letters\n"
    for command in (("list",), ("replay",), ("replay", "--run")):
        assert project.ask("dead-letters", "dead-letters", *command)["dead_letters"] == []


def test_dead_letters_are_listed_with_why_and_what_releases_them(failed):
    lines = failed.type("dead-letters", "list").lines
    assert lines[0].split() == [
        "number", "document", "instance", "task", "runs", "tried", "again", "why",
    ]  # fmt: skip
    assert [line.split()[:5] for line in lines[1:]] == [
        ["1", "a.txt", "strict", "check", "1"],
        ["2", "b.txt", "strict", "check", "1"],
        ["3", "c.txt", "strict", "check", "2"],
    ]
    assert "when its content, the code or a parameter changes" in lines[1]
    assert lines[1].endswith("ValueError: bad is not allowed")
    assert "  from 2" in lines[3]
    assert lines[3].endswith("the desk is closed")
    letters = failed.ask("dead-letters", "dead-letters", "list")["dead_letters"]
    assert [letter["release"] for letter in letters] == ["content", "content", "time"]
    assert letters[2]["not_before"] > letters[2]["failed_at"]


def test_dead_letters_are_chosen_by_key_and_instance(failed):
    assert len(failed.type("dead-letters", "list", "--instance", "strict").lines) == 4
    assert failed.type("dead-letters", "list", "--instance", "other").err == "no dead letters\n"
    [letter] = failed.ask("dead-letters", "dead-letters", "show", "--key", "b.txt")["dead_letters"]
    assert letter["id"] == 2
    assert failed.refused("dead-letters", "list", "--key", "d.txt")[0] == (
        "error: there is no dead letter of 'd.txt'"
    )


def test_one_dead_letter_tells_all_that_is_known(failed):
    lines = failed.type("dead-letters", "show", "1").lines
    assert "document     a.txt" in lines
    assert "task         check" in lines
    assert "tried        in 1 run" in lines
    assert "written to   collection:strict" in lines
    assert not any("Traceback" in line for line in lines)
    later = failed.type("dead-letters", "show", "3").lines
    assert "tried        in 2 runs, 2 of them failed by an error that may pass" in later
    told = failed.type("dead-letters", "show", "1", "--traceback").lines
    assert told[-1] == "ValueError: bad is not allowed"


def test_what_is_replayed_is_tried_by_the_next_run(failed):
    assert failed.ask("run", *FAILING)["documents"]["held_back"] == 3
    assert failed.type("dead-letters", "replay", "1", "3").out == (
        "the next run tries 2 dead letters (a.txt, c.txt)\n"
    )
    after = failed.ask("run", *FAILING, code=3)["documents"]
    assert (after["failed"], after["held_back"]) == (2, 1)


def test_a_replay_may_run_at_once_with_the_parameters_of_the_run_that_failed(failed):
    done = failed.ask("run", "dead-letters", "replay", "--key", "a.txt", "--run", code=3)
    assert (done["run"], done["documents"]["failed"], done["documents"]["held_back"]) == (3, 1, 2)


def test_one_run_tries_no_dead_letters_of_two_instances_of_a_name(project):
    project.write(a="bad", b="good")
    for place in ("x", "y"):
        project.type("run", "strict", "-p", "forbidden=bad", "-p", f"collection={place}", code=3)
    assert project.refused("dead-letters", "replay", "--run") == [
        "error: one run cannot try these 2 dead letters: they are of 2 instances",
        "hint: leave out --run, or choose those of one run by their numbers: 1, or 2",
    ]
    assert not project.ask("audit", "audit", "--action", "dead_letter.replayed")["events"]
    done = project.type("dead-letters", "replay", "2", "--run", code=3)
    assert "1 dead letter (a.txt) tried now" in done.err
    assert "collection=y" in project.type("show", "3").out


def test_one_run_tries_no_dead_letters_that_failed_with_different_parameters(project):
    project.write(a="bad")
    project.type("run", "strict", "-p", "forbidden=bad", code=3)
    project.write(b="worse")
    project.type("run", "strict", "--only", "b.txt", "-p", "forbidden=worse", code=3)
    assert project.refused("dead-letters", "replay", "--run")[0] == (
        "error: one run cannot try these 2 dead letters: they failed with different parameters"
    )


def test_a_run_says_when_the_first_dead_letter_of_its_own_instance_is_due(project):
    project.write(a="closed", b="bad")
    later = ("run", "strict", "-p", "later=closed", "-p", "collection=x")
    project.type(*later, code=3)
    assert "the first is due at" in project.type(*later, code=3).out
    other = project.type("run", "strict", "-p", "forbidden=bad", "-p", "collection=y", code=3)
    assert "the first is due at" not in other.out


def test_what_is_discarded_is_neither_listed_nor_tried_until_its_content_changes(failed):
    done = failed.type("dead-letters", "discard", "--key", "a.txt", "--yes")
    assert done.out == "discarded 1 dead letter (a.txt): not tried until the content changes\n"
    assert keys(failed) == ["b.txt", "c.txt"]
    assert any(
        line.startswith("discarded ") for line in failed.type("dead-letters", "show", "1").lines
    )
    failed.type("run", "strict", "-p", "later=closed", code=3)
    assert keys(failed) == ["c.txt"]
    failed.write(a="still bad")
    failed.type(*FAILING, code=3)
    assert "a.txt" in keys(failed)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 2), ("n\n", 1, 3)])
def test_a_person_is_asked_before_anything_is_discarded(failed, monkeypatch, answer, code, left):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    done = failed.type("dead-letters", "discard", "2", code=code)
    assert "discard 1 dead letter (b.txt)?" in done.err
    assert len(keys(failed)) == left


def test_with_a_closed_stdin_nothing_is_discarded(failed, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert failed.refused("dead-letters", "discard", "2")[0] == "error: nobody is there to ask"


def test_without_a_person_nothing_is_discarded_unless_told_so(failed, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert failed.refused("dead-letters", "discard", "2") == [
        "error: nobody is there to ask",
        "hint: say --yes",
    ]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("show",), "dead-letters show was not told which"),
        (("discard", "--yes"), "dead-letters discard was not told which"),
        (("show", "9"), "there is no dead letter 9"),
        (("replay", "1", "9"), "there is no dead letter 9"),
        (("replay", "1", "--key", "a.txt"), "numbers were given together with --key"),
    ],
)
def test_dead_letters_that_are_not_there_are_wrong_usage(failed, arguments, error):
    assert failed.refused("dead-letters", *arguments)[0].startswith(f"error: {error}")
    assert keys(failed) == ["a.txt", "b.txt", "c.txt"]


def test_the_audit_knows_who_replayed_and_discarded(failed):
    failed.type("dead-letters", "replay", "2")
    failed.type("dead-letters", "discard", "1", "--yes")
    events = failed.ask("audit", "audit", "--action", "dead_letter.")["events"]
    assert [(event["actor"], event["action"], event["object"]) for event in events[:2]] == [
        (user_name(), "dead_letter.discarded", "a.txt"),
        (user_name(), "dead_letter.replayed", "b.txt"),
    ]
