from datetime import UTC, datetime, timedelta

import pytest

from ragflow.core.run_records import DeadLetter
from ragflow.views.dead_letters import letter_text, letters_table, named, released_by
from ragflow.views.quantities import instant

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ONE = NOON + timedelta(hours=1)


def letter(**changes):
    facts = {
        "id": 7,
        "instance": "handbook",
        "source": "",
        "key": "a.pdf",
        "target": "collection",
        "place": "handbook",
        "generation": 1,
        "run": 3,
        "task": "extract",
        "part": None,
        "reason": "damaged",
        "message": "it is no PDF",
        "traceback": "Traceback:\n  here\nValueError",
        "release": "content",
        "attempts": 2,
        "tries": 0,
        "not_before": None,
        "call": None,
        "created_at": NOON,
        "failed_at": NOON,
    }
    return DeadLetter(**{**facts, **changes})


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"release": "content"}, "when its content, the code or a parameter changes"),
        ({"release": "code"}, "when the code or a parameter changes"),
        ({"release": "requirement:program:tesseract"}, "when program:tesseract is there"),
        ({"release": "time"}, "by the next run"),
        ({"release": "time", "not_before": NOON}, "by the next run"),
        ({"release": "time", "not_before": ONE}, f"from {instant(ONE)} on"),
        ({"discarded_at": NOON}, "when its content changes: it was discarded"),
    ],
)
def test_every_release_is_told_in_words(facts, words):
    assert released_by(letter(**facts)) == words


def test_a_list_has_the_numbers_that_commands_take():
    table = letters_table([letter(), letter(id=12, message=None)])
    assert [row[0] for row in table.rows] == ["7", "12"]
    assert [row[-1] for row in table.rows] == ["it is no PDF", "damaged"]


def test_one_dead_letter_leaves_out_what_is_not_known():
    lines = letter_text(letter(part="0.4", tries=1)).splitlines()
    assert "part         0.4" in lines
    assert "tried        in 2 runs, 1 of them failed by an error that may pass" in lines
    assert f"failed last  {instant(NOON)}, in run 3" in lines
    assert not any(line.startswith(("source", "discarded", "Traceback")) for line in lines)
    assert letter_text(letter(), with_traceback=True).endswith("\n\nTraceback:\n  here\nValueError")


def test_of_many_only_the_first_are_named():
    assert named([letter()]) == "1 dead letter (a.pdf)"
    assert named([letter(), letter(id=8)]) == "2 dead letters (a.pdf)"
    many = [letter(key=key) for key in "abcd"]
    assert named(many) == "4 dead letters (a, b, c, …)"
