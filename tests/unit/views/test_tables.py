from datetime import UTC, datetime

from ragflow.core.records import CUT_OFF
from ragflow.views.quantities import instant
from ragflow.views.tables import came_to_sentence, headline, html_table, summary_text
from tests.unit.views.drawn import summary

PLAN = {
    "schema": 1,
    "instance": "handbook",
    "documents": {"added": 2, "unchanged": 0, "deleted": 0},
    "chunks_to_embed": 12,
    "exact": True,
}


def test_a_run_says_what_became_of_documents_chunks_and_tasks():
    assert summary_text(summary()).splitlines() == [
        "run 3 of handbook: succeeded in 2.3 s",
        "",
        "documents  2 added, 1,200 unchanged, 1 deleted",
        "chunks     9,000 in all: 12 embedded, 8,988 reused; 12 written, 4 deleted",
        "",
        "task  ran  memoized  failed    time",
        "read    2         0       0  0.01 s",
    ]


def test_a_run_that_failed_says_why():
    text = summary_text(summary(state="failed", error="folder 'x' is not there", dead_letters=2))
    assert "run 3 of handbook: failed" in text
    assert "error         folder 'x' is not there" in text
    assert "dead letters  2; `ragflow dead-letters list` says why" in text


def test_a_plan_says_what_would_be_embedded():
    assert summary_text(PLAN).splitlines() == [
        "plan for handbook",
        "",
        "documents  2 added",
        "chunks     12 to embed",
    ]
    assert "at most 12 to embed" in summary_text({**PLAN, "exact": False})


def test_a_run_without_documents_says_so():
    assert "documents  none" in summary_text(summary(documents={"added": 0}))


def test_a_run_with_failures_reads_as_words():
    assert headline(summary(state="succeeded_with_failures")) == (
        "run 3 of handbook: succeeded with failures in 2.3 s"
    )


def test_the_html_holds_the_same_and_takes_no_name_for_markup():
    html = html_table(summary(instance="<b>x</b>"))
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert "<b>x" not in html
    assert '<td style="text-align:right">2</td>' in html
    assert html_table(PLAN).count("<table>") == 1


NOTHING = {
    "documents": {"added": 0, "deleted": 0},
    "chunks": dict.fromkeys(("total", "embedded", "reused", "upserted", "deleted"), 0),
}
STEP = {"ran": 1, "memoized": 0, "failed": 0, "seconds": 0.5}
IDLE = {**STEP, "ran": 0}


def test_a_run_of_steps_has_no_documents_to_tell_of():
    lines = summary_text(summary(**NOTHING, tasks={"fetch": STEP, "store": STEP})).splitlines()
    assert lines == [
        "run 3 of handbook: succeeded in 2.3 s",
        "",
        "task   ran  memoized  failed    time",
        "fetch    1         0       0  0.50 s",
        "store    1         0       0  0.50 s",
    ]
    html = html_table(summary(**NOTHING, tasks={"fetch": STEP}))
    assert html.count("<table>") == 1
    assert "documents" not in html


def test_an_empty_folder_has_no_documents_and_that_is_told():
    assert "documents  none" in summary_text(summary(**NOTHING, tasks={"read": IDLE}))


def test_of_a_run_that_is_not_over_nothing_is_counted_yet():
    running = summary(**NOTHING, state="running", tasks={})
    assert summary_text(running) == "run 3 of handbook: running for 2.3 s"
    paused = summary(**NOTHING, state="paused", tasks={})
    assert headline(paused) == "run 3 of handbook: paused for 2.3 s"


def test_of_a_run_that_was_cut_off_nobody_knows_how_long_it_took():
    lines = summary_text(summary(**NOTHING, state="failed", tasks={}, error=CUT_OFF)).splitlines()
    assert lines == ["run 3 of handbook: cut off", "", f"error  {CUT_OFF}"]


def test_a_plan_of_steps_names_them():
    plan = {**PLAN, "documents": {"added": 0}, "chunks_to_embed": 0}
    assert summary_text(plan, steps=["fetch", "store"]).splitlines()[-1] == (
        "steps  2 to call: fetch, store"
    )


def test_dead_letters_are_told_with_when_the_first_is_due():
    documents = {"added": 1, "failed": 1, "held_back": 3}
    due = datetime(2026, 5, 4, 12, tzinfo=UTC)
    found = summary(documents=documents, dead_letters=4)
    why = "`ragflow dead-letters list` says why"
    assert f"dead letters  1 failed, 3 held back; {why}" in summary_text(found)
    assert (
        f"dead letters  1 failed, 3 held back; the first is due at {instant(due)}; {why}"
        in summary_text(found, due=due)
    )


def test_few_words_say_what_a_run_came_to():
    assert came_to_sentence(summary()) == "2 added, 1,200 unchanged, 1 deleted"
    assert came_to_sentence(summary(**NOTHING, tasks={"a": STEP, "b": STEP})) == "2 steps"
