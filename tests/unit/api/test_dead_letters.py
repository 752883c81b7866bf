from pathlib import Path

import pytest

from ragflow import pipeline, task
from ragflow.api.dead_letters import DeadLetters
from ragflow.api.people import user_name
from ragflow.errors import NotFoundError
from ragflow.tasks import read
from tests.unit.scheduling.desk import Desk, Shelf, save


@task(version="1")
def check(text: str) -> str:
    if text == "bad":
        raise ValueError("this is <not> allowed")
    return text


SHELF = Shelf(a="bad", b="good", c="bad")


@pipeline
def strict(table: str = "strict") -> None:
    """Keep what is allowed."""
    save(check(read(SHELF)), table=table)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a home with two dead letters."""
    opened = Desk(tmp_path / "project")
    (opened.project.root / "ragflow.toml").touch()
    opened.run(strict)
    return opened


def find(desk, *ids, **chosen):
    return DeadLetters.find(*ids, project=desk.project.root, **chosen)


def test_dead_letters_are_a_sequence_of_what_could_not_be_served(desk):
    letters = find(desk)
    assert [letter.key for letter in letters] == ["a", "c"]
    assert letters[0].message == "ValueError: this is <not> allowed"
    assert "check" in letters[0].traceback
    assert repr(letters) == "<2 dead letters>"
    assert [letter.key for letter in letters[1:]] == ["c"]


def test_jupyter_shows_a_table_and_takes_no_message_for_markup(desk):
    html = find(desk)._repr_html_()
    assert html.count("<tr>") == 3
    assert "this is &lt;not&gt; allowed" in html


def test_dead_letters_are_found_by_number_key_and_instance(desk):
    [first, second] = find(desk)
    assert find(desk, second.id)[0] == second
    assert find(desk, key="a")[0] == first
    assert len(find(desk, instance="strict")) == 2
    assert len(find(desk, instance="other")) == 0
    with pytest.raises(NotFoundError, match="no dead letter of 'b'"):
        find(desk, key="b")
    with pytest.raises(NotFoundError, match="no dead letter 99"):
        find(desk, 99)


def test_exactly_these_are_replayed(desk):
    assert desk.run(strict)["documents"]["held_back"] == 2
    [replayed] = find(desk, key="a").replay()
    assert replayed.tries == 0
    after = desk.run(strict)["documents"]
    assert (after["failed"], after["held_back"]) == (1, 1)
    assert len(find(desk, instance="other").replay()) == 0


def test_exactly_these_are_discarded_and_the_audit_knows_by_whom(desk):
    [gone] = find(desk, key="c").discard()
    assert gone.discarded_at is not None
    assert [letter.key for letter in find(desk)] == ["a"]
    with desk.home() as home:
        [event] = home.metadata.audit.list(action="dead_letter.discarded")
    assert (event.actor, event.object) == (user_name(), "c")
