"""How does what counts of a task read?"""

from collections.abc import Mapping
from typing import Any

from ragflow.views.rendering import Table, render

#: Hex digits of a fingerprint that tell codes apart for people.
_DIGITS = 12
#: Of these people want to see what they say, not that they are there.
_QUIET = frozenset({"annotation", "module"})


def code_text(found: Mapping[str, Any], *, width: int | None = None) -> str:
    """Return what counts of a task and what could not be followed, under headings."""
    pipelines = ", ".join(found["pipelines"])
    lines = [f"{found['task']} of {pipelines}: {found['fingerprint'][:_DIGITS]}", ""]
    rows = [
        (each["kind"], each["path"], _said(each))
        for each in found["counts"]
        if each["kind"] not in _QUIET
    ]
    for kind in ("parameter", "resource"):
        rows += [(kind, name, str(value)) for name, value in found[f"{kind}s"].items()]
    lines += ["what counts", render(Table(("", "", ""), rows), width=width) if rows else "nothing"]
    missed = [
        (each["reason"], each["name"], f"in {each['path']}")
        for each in found["not_followed"]
        if each["reason"] != "built-in"
    ]
    built_in = [e["name"] for e in found["not_followed"] if e["reason"] == "built-in"]
    if built_in:
        missed.append(("built-in", ", ".join(sorted(built_in)), ""))
    if missed:
        lines += [
            "",
            "what could not be followed",
            render(Table(("", "", ""), missed), width=width),
        ]
    return "\n".join(lines)


def _said(each: Mapping[str, Any]) -> str:
    place = f"{each['file']}:{each['line']}" if each["file"] else ""
    return " ".join(part for part in (each["value"], place) if part)
