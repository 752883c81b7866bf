"""How does a formula of an Office document read as text? As LaTeX, which people search by."""

from collections.abc import Callable, Iterable
from typing import Any

MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"

#: Characters that LaTeX has a word for; others are written as they are.
_WORDS = dict(
    zip(
        "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ∑∏∫∬∮⋃∞±∓×÷⋅∂≤≥≠≈≡∝→←⇒∈∉⊂∪∩∀∃∇",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi"  # noqa: SIM905 - words
        " rho sigma tau upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi"
        " Omega sum prod int iint oint bigcup infty pm mp times div cdot partial leq geq neq"
        " approx equiv propto rightarrow leftarrow Rightarrow in notin subset cup cap forall"
        " exists nabla".split(),
        strict=True,
    )
)
_FUNCTIONS = frozenset(
    "sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan log ln lg exp"  # noqa: SIM905 - words
    " lim max min sup inf det dim gcd".split()
)
_ACCENTS = {"̂": "hat", "̃": "tilde", "̄": "bar", "̅": "bar", "⃗": "vec", "̇": "dot"}


def formula(node: Any) -> str:
    """Return a formula, or a part of one, as LaTeX."""
    return " ".join("".join(_parts(node)).split())


def _parts(node: Any) -> Iterable[str]:
    for child in node:
        if not isinstance(child.tag, str) or not child.tag.startswith(MATH):
            continue
        name = child.tag[len(MATH) :]
        if name == "t":
            yield _text(child.text or "")
        elif name in _WRITTEN:
            yield _WRITTEN[name](child)
        elif not name.endswith("Pr"):
            yield from _parts(child)


def _text(text: str) -> str:
    if text.strip() in _FUNCTIONS:
        return f"\\{text.strip()} "
    return "".join(f"\\{_WORDS[sign]} " if sign in _WORDS else sign for sign in text)


def _inner(node: Any, name: str) -> str:
    found = node.find(MATH + name)
    return "" if found is None else formula(found)


def _stated(node: Any, path: str, otherwise: str) -> str:
    """Return the value of a property; an empty one means that nothing is shown."""
    found = node.find("/".join(MATH + name for name in path.split("/")))
    return otherwise if found is None else str(found.get(f"{MATH}val", ""))


def _fraction(node: Any) -> str:
    above, below = _inner(node, "num"), _inner(node, "den")
    if _stated(node, "fPr/type", "bar") == "noBar":
        return f"\\binom{{{above}}}{{{below}}}"
    return f"\\frac{{{above}}}{{{below}}}"


def _root(node: Any) -> str:
    degree = _inner(node, "deg")
    return f"\\sqrt{f'[{degree}]' if degree else ''}{{{_inner(node, 'e')}}}"


def _scripts(node: Any) -> str:
    below, above = _inner(node, "sub"), _inner(node, "sup")
    return (
        f"{_inner(node, 'e')}{f'_{{{below}}}' if below else ''}{f'^{{{above}}}' if above else ''}"
    )


def _large_operator(node: Any) -> str:
    sign = _text(_stated(node, "naryPr/chr", "∫")).strip()
    below, above = _inner(node, "sub"), _inner(node, "sup")
    limits = f"{f'_{{{below}}}' if below else ''}{f'^{{{above}}}' if above else ''}"
    return f"{sign}{limits} {_inner(node, 'e')}"


def _fenced(node: Any) -> str:
    opening = _stated(node, "dPr/begChr", "(") or "."
    closing = _stated(node, "dPr/endChr", ")") or "."
    # One character; a longer one would be written as often as there are parts.
    separator = _stated(node, "dPr/sepChr", "|")[:1]
    inside = separator.join(formula(part) for part in node.findall(f"{MATH}e"))
    return f"\\left{_fence(opening)}{inside}\\right{_fence(closing)}"


def _fence(sign: str) -> str:
    return f"\\{sign}" if sign in ("{", "}") else sign


def _named_function(node: Any) -> str:
    return f"{_inner(node, 'fName')}({_inner(node, 'e')})"


def _limit(node: Any) -> str:
    mark = "_" if node.tag.endswith("limLow") else "^"
    return f"{_inner(node, 'e')}{mark}{{{_inner(node, 'lim')}}}"


def _accent(node: Any) -> str:
    name = _ACCENTS.get(_stated(node, "accPr/chr", "̂"), "hat")
    return f"\\{name}{{{_inner(node, 'e')}}}"


def _overline(node: Any) -> str:
    name = "overline" if _stated(node, "barPr/pos", "bot") == "top" else "underline"
    return f"\\{name}{{{_inner(node, 'e')}}}"


def _matrix(node: Any) -> str:
    rows = (
        " & ".join(formula(cell) for cell in row.findall(f"{MATH}e"))
        for row in node.findall(f"{MATH}mr")
    )
    return "\\begin{matrix}" + " \\\\ ".join(rows) + "\\end{matrix}"


def _lines(node: Any) -> str:
    rows = (formula(line) for line in node.findall(f"{MATH}e"))
    return "\\begin{array}{l}" + " \\\\ ".join(rows) + "\\end{array}"


_WRITTEN: dict[str, Callable[[Any], str]] = {
    "f": _fraction,
    "rad": _root,
    "sSup": _scripts,
    "sSub": _scripts,
    "sSubSup": _scripts,
    "nary": _large_operator,
    "d": _fenced,
    "func": _named_function,
    "limLow": _limit,
    "limUpp": _limit,
    "acc": _accent,
    "bar": _overline,
    "m": _matrix,
    "eqArr": _lines,
}
