"""How do models read: what there is, what is said of one and by whom, and what was found of it?

Each function takes the object that ``--json`` prints.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ragflow.views.rendering import Table, pairs, printable, render

_WHERE = {
    "here": "here",
    "missing": "not on this machine",
    "remote": "remote",
    "none": "needs none",
}
_FIELDS = (
    "revision",
    "digest",
    "dimension",
    "limit",
    "pooling",
    "normalization",
    "prompts",
    "licence",
)


def models_table(models: Sequence[Mapping[str, Any]]) -> Table:
    """Return the models with what tells them apart."""
    rows = [
        (
            model["name"],
            f"{model['dimension']:,}",
            f"{model['limit']:,}",
            model["licence"],
            _WHERE[model["weights"]["where"]],
        )
        for model in models
    ]
    headings = ("model", "dimension", "tokens", "licence", "weights")
    return Table(headings, rows, numbers=frozenset(("dimension", "tokens")))


def model_text(model: Mapping[str, Any], *, width: int | None = None) -> str:
    """Return one model: what is said of it, each fact with where it was read."""
    weights = model["weights"]
    where = weights["path"] or weights["get"] or _WHERE[weights["where"]]
    facts = [("model", model["name"]), ("kind", model["kind"]), ("from", model["source"])]
    facts.append(("weights", f"{_WHERE[weights['where']]}: {where}"))
    rows = [(name, _value(model, name), _source(model, name)) for name in _FIELDS]
    if model["endpoint"] is not None:
        facts += _asking(model["endpoint"])
        price = model["endpoint"]["price"]
        told = "not known" if price is None else f"{price:g} USD for a million tokens"
        rows.append(("price", told, _source(model, "endpoint")))
    said = render(Table(("fact", "value", "read in"), rows), width=width)
    return f"{render(pairs(facts), width=width)}\n\n{said}"


def _asking(endpoint: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return how a remote model is asked."""
    texts = f"{endpoint['texts']:,} texts"
    if endpoint["tokens"] is not None:
        texts += f" or {endpoint['tokens']:,} tokens"
    return [
        ("asked as", endpoint["model"]),
        ("key", endpoint["secret"] or "none"),
        ("at most", f"{texts} in a request, {endpoint['timeout']:g} s of silence"),
        ("tokens by", endpoint["tokenizer"]),
    ]


def _value(model: Mapping[str, Any], name: str) -> str:
    value = model[name]
    if name == "prompts":
        told = ", ".join(f"{kind} {prompt!r}" for kind, prompt in value.items() if prompt)
        return told or "none"
    if name == "digest" and value:
        return str(value)[: len("sha256:") + 12] + "…"
    return str(value) or "not known"


def _source(model: Mapping[str, Any], name: str) -> str:
    return str(model["sources"].get(name, "not checked"))


def findings_table(findings: Sequence[Mapping[str, Any]]) -> Table:
    """Return what was looked at of a model, each with whether it is right."""
    words = {True: "right", False: "wrong", None: "not known"}
    rows = [(each["name"], words[each["right"]], each["found"]) for each in findings]
    return Table(("", "", ""), rows)


def calibration_text(calibration: Mapping[str, Any], *, width: int | None = None) -> str:
    """Return what was tried for a model on this machine, and what is used from now on."""
    trials = calibration["trials"]
    chosen = _chosen(calibration)
    headings = (
        "engine", "precision", "budget", "threads", "tokens a second", "worst", "mean", "",
    )  # fmt: skip
    rows = [
        (
            trial["engine"],
            trial["precision"],
            f"{trial['budget']:,}",
            str(trial["threads"]),
            _number(trial["tokens_per_second"], ",.0f"),
            _number(trial["worst"], ".6f"),
            _number(trial["mean"], ".6f"),
            f"refused: {trial['refused']}" if trial["refused"] else "chosen" * (trial is chosen),
        )
        for trial in trials
    ]
    table = Table(headings, rows, numbers=frozenset(headings[2:7]))
    used = (
        f"{printable(calibration['model'])} on {calibration['device']}: {calibration['engine']}, "
        f"{calibration['precision']}, {calibration['budget']:,} tokens a mini-batch, "
        f"{calibration['threads']} at the same time"
    )
    place = calibration["kept_at"]
    told = f"kept in {printable(place)}" if place else "and could not be kept"
    kept = f"found in {calibration['seconds']:.1f} s, {told}"
    holds = f"holds for {printable(calibration['machine'])}"
    return f"{render(table, width=width)}\n\n{used}\n{kept}\n{holds}"


def _chosen(calibration: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the trial of what is used; the fastest where it was timed more than once."""
    names = ("engine", "precision", "budget", "threads")
    alike = [
        trial
        for trial in calibration["trials"]
        if all(trial[name] == calibration[name] for name in names)
    ]
    return max(alike, key=lambda trial: trial["tokens_per_second"] or 0, default=None)


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
