from ragflow.views.tables import headline, html_table, summary_text
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
    assert "dead letters  2" in text


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
