"""What is a paragraph of a Word document, by its style, and which mark has it in a list?"""

import re
from typing import Any, NamedTuple

from ragflow.documents import ElementKind

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"

#: Styles are based on styles; a chain that is longer runs in a circle.
_LONGEST_CHAIN = 20
#: What is deeper than this has the level of this.
_DEEPEST = 9

_HEADING = re.compile(r"heading ?([1-9])$")
_NAMED: dict[str, tuple[ElementKind, int]] = {
    "title": ("title", 1),
    "subtitle": ("title", 2),
    "caption": ("caption", 0),
    "header": ("header_footer", 0),
    "footer": ("header_footer", 0),
}
_CODE = re.compile(r"\b(?:source ?code|code|html preformatted|preformatted text|macro text)\b")
_PLACE = re.compile(r"%([1-9])")


class Style(NamedTuple):
    """What a style says by itself; None where it says nothing."""

    name: str
    based_on: str | None
    outline: int | None
    number: str | None
    depth: int | None


class Standing(NamedTuple):
    """What a paragraph is, and which list it is an item of, how deep."""

    kind: ElementKind
    level: int
    number: str | None
    depth: int


class Styles:
    """The paragraph styles of a document."""

    def __init__(self, root: Any) -> None:
        self._styles: dict[str | None, Style] = {}
        self._usual: str | None = None
        for style in root.iter(f"{WORD}style"):
            if style.get(f"{WORD}type") != "paragraph":
                continue
            identity = style.get(f"{WORD}styleId")
            if style.get(f"{WORD}default") in ("1", "true", "on"):
                self._usual = identity
            properties = style.find(f"{WORD}pPr")
            number, depth = _numbering(properties)
            self._styles[identity] = Style(
                name=(value(style, "name") or "").strip().lower(),
                based_on=value(style, "basedOn"),
                outline=_whole(value(properties, "outlineLvl")),
                number=number,
                depth=depth,
            )

    def standing(self, properties: Any) -> Standing:
        """Return what a paragraph with these properties is."""
        chain = self._chain(value(properties, "pStyle") or self._usual)
        outline = _whole(value(properties, "outlineLvl"))
        number, depth = _numbering(properties)
        for style in chain:
            outline = style.outline if outline is None else outline
            number = style.number if number is None else number
            depth = style.depth if depth is None else depth
        kind, level = _named(chain)
        if kind == "paragraph" and outline is not None and 0 <= outline < _DEEPEST:
            kind, level = "title", outline + 1
        return Standing(kind, level, None if number == "0" else number, max(0, depth or 0))

    def _chain(self, identity: str | None) -> list[Style]:
        chain: list[Style] = []
        while identity in self._styles and len(chain) < _LONGEST_CHAIN:
            chain.append(self._styles[identity])
            identity = chain[-1].based_on
        return chain


def value(node: Any, name: str) -> str | None:
    """Return the value that a child of `node` states, None where there is none."""
    child = None if node is None else node.find(WORD + name)
    return None if child is None else child.get(f"{WORD}val")


def _named(chain: list[Style]) -> tuple[ElementKind, int]:
    for style in chain:
        heading = _HEADING.match(style.name)
        if heading is not None:
            return "title", int(heading[1])
        if style.name in _NAMED:
            return _NAMED[style.name]
        if _CODE.search(style.name):
            return "code", 0
    return "paragraph", 0


def _numbering(properties: Any) -> tuple[str | None, int | None]:
    numbering = None if properties is None else properties.find(f"{WORD}numPr")
    return value(numbering, "numId"), _whole(value(numbering, "ilvl"))


def _whole(stated: str | None) -> int | None:
    return int(stated) if stated and stated.isdecimal() and len(stated) < 7 else None


class _Level(NamedTuple):
    """How the items of one depth of a list are marked."""

    form: str
    pattern: str
    start: int


class Numbering:
    """The lists of a document, and how far each has been counted."""

    def __init__(self, root: Any) -> None:
        self._kinds: dict[str | None, dict[int, _Level]] = {}
        #: For each list the kind it is of, and where it begins to count anew.
        self._lists: dict[str | None, tuple[str | None, dict[int, int]]] = {}
        self._counts: dict[str | None, dict[int, int]] = {}
        self._begun: set[str] = set()
        if root is not None:
            self._take(root)

    def mark(self, number: str, depth: int) -> str:
        """Return the mark of the next item of a list: ``- ``, ``2. `` or nothing."""
        kind, restarts = self._lists.get(number, (None, {}))
        levels = self._kinds.get(kind, {})
        level = levels.get(depth)
        if level is None or level.form == "bullet":
            return "- "
        counts = self._counts.setdefault(kind, {})
        if number not in self._begun:
            self._begun.add(number)
            for restarted, start in restarts.items():
                counts[restarted] = start - 1
        counts[depth] = counts.get(depth, level.start - 1) + 1
        for deeper in [place for place in counts if place > depth]:
            del counts[deeper]

        def counted(place: re.Match[str]) -> str:
            above = int(place[1]) - 1
            stated = levels.get(above, level)
            return _written(counts.get(above, stated.start), stated.form)

        shown = _PLACE.sub(counted, level.pattern).strip()
        return f"{shown} " if shown else ""

    def _take(self, root: Any) -> None:
        links: dict[str | None, str | None] = {}
        for kind in root.findall(f"{WORD}abstractNum"):
            identity = kind.get(f"{WORD}abstractNumId")
            self._kinds[identity] = dict(map(_level, kind.findall(f"{WORD}lvl")))
            if value(kind, "styleLink"):
                links[value(kind, "styleLink")] = identity
        for kind in root.findall(f"{WORD}abstractNum"):
            linked = value(kind, "numStyleLink")
            if linked in links:
                self._kinds[kind.get(f"{WORD}abstractNumId")] = self._kinds[links[linked]]
        for listed in root.findall(f"{WORD}num"):
            restarts = {}
            for override in listed.findall(f"{WORD}lvlOverride"):
                start = _whole(value(override, "startOverride"))
                if start is not None:
                    restarts[_whole(override.get(f"{WORD}ilvl")) or 0] = start
            self._lists[listed.get(f"{WORD}numId")] = (value(listed, "abstractNumId"), restarts)


def _level(node: Any) -> tuple[int, _Level]:
    start = _whole(value(node, "start"))
    return _whole(node.get(f"{WORD}ilvl")) or 0, _Level(
        form=value(node, "numFmt") or "decimal",
        pattern=value(node, "lvlText") or "",
        start=1 if start is None else start,
    )


def _written(count: int, form: str) -> str:
    if form in ("lowerLetter", "upperLetter") and count > 0:
        letters = chr(ord("a") + (count - 1) % 26) * min(1 + (count - 1) // 26, 10)
        return letters if form == "lowerLetter" else letters.upper()
    if form in ("lowerRoman", "upperRoman") and 0 < count < 4000:
        return _roman(count) if form == "lowerRoman" else _roman(count).upper()
    if form == "decimalZero":
        return f"{count:02}"
    return "" if form == "none" else str(count)


def _roman(count: int) -> str:
    numerals = ""
    for worth, numeral in zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ("m", "cm", "d", "cd", "c", "xc", "l", "xl", "x", "ix", "v", "iv", "i"),
        strict=True,
    ):
        numerals += numeral * (count // worth)
        count %= worth
    return numerals
