"""How do damage and its repair read?"""

import html
from collections.abc import Mapping, Sequence
from typing import Any

from ragflow.views.quantities import counted
from ragflow.views.rendering import Table, render
from ragflow.views.tables import table_html

#: What each kind of damage is, said of its rows.
SENTENCES = {
    "collection_gone": "the collection is gone from the store",
    "dimension_changed": "the collection has vectors of another length",
    "missing": "not there",
    "wrong_text": "text was changed",
    "wrong_vector": "vector was changed",
    "other_model": "vector is another model's",
    "wrong_payload": "payload was changed",
    "wrong_value": "text or vector was changed",
    "unreadable": "cannot be read as a row",
    "unrecorded": "there, and unknown to the ledger",
    "duplicate": "the same chunk under another id",
    "deleted_owner": "of a document that is gone",
    "older_version": "of another version of its document",
    "extra": "under an id of ours, and made by nothing",
    "foreign": "not written by ragflow; left alone",
}
#: Findings that are shown one by one.
SHOWN = 20


def verification_text(report: Mapping[str, Any], *, width: int | None = None) -> str:
    """Return what `verify` found: how much of which kind, then the first rows."""
    name, damage = report["collection"], report["damage"]
    rows = counted(report["ledger_rows"], "row")
    lines = [f"{name}: {rows}, all as they should be" if report["clean"] else f"{name}: {rows}"]
    if damage:
        lines.append(render(_kinds(damage), width=width))
    lines += _first(report["findings"], width)
    if report["unfinished"]:
        lines.append("a run was cut off while it wrote; the next run makes that good by itself")
    return "\n".join(lines)


def repair_text(report: Mapping[str, Any], *, width: int | None = None) -> str:
    """Return what `repair` did, and what is left."""
    name = report["collection"]
    if not any(kind != "foreign" for kind in report["found"]):
        return f"{name}: nothing to mend"
    did = [
        f"{counted(report['rewritten'], 'row')} written again" if report["rewritten"] else "",
        f"{counted(report['deleted'], 'row')} deleted" if report["deleted"] else "",
        f"{counted(report['recorded'], 'row')} entered into the ledger"
        if report["recorded"]
        else "",
        *(f"run {number} made what nothing remembered" for number in report["runs"]),
    ]
    lines = [f"{name}: {', '.join(each for each in did if each) or 'nothing could be mended'}"]
    if report["made_anew"]:
        lines.append("the collection itself was made again")
    lines += report["notes"]
    if report["clean"]:
        lines.append("everything is as it should be")
    else:
        lines += ["left:", render(_kinds(report["left"]), width=width)]
        lines += _first(report["findings"], width)
    return "\n".join(lines)


def damage_html(headline: str, damage: Mapping[str, int]) -> str:
    """Return how much is wrong as HTML, for Jupyter."""
    table = table_html(_kinds(damage)) if damage else ""
    return f"<p><strong>{html.escape(headline.strip('<>'))}</strong></p>{table}"


def calls_sentence(calls: Mapping[str, int]) -> str:
    """Return how many calls nothing remembers."""
    if not calls:
        return "some documents must be made again, and nobody knows how many calls that takes"
    named = ", ".join(f"{count:,} of {task}" for task, count in calls.items())
    return f"nothing remembers {counted(sum(calls.values()), 'call')}: {named}"


def _kinds(damage: Mapping[str, int]) -> Table:
    rows = [(f"{count:,}", kind, SENTENCES[kind]) for kind, count in damage.items()]
    return Table(("rows", "damage", ""), rows, frozenset({"rows"}))


def _first(findings: Sequence[Mapping[str, Any]], width: int | None) -> list[str]:
    rows = [
        (each["kind"], each["key"] or "", each["id"], each["detail"] or "")
        for each in findings
        if each["id"] is not None
    ]
    if not rows:
        return []
    shown = render(Table(("damage", "document", "row", ""), rows[:SHOWN]), width=width)
    more = len(rows) - SHOWN
    return ["", shown, *([f"and {more:,} more; --json lists all"] if more > 0 else [])]
