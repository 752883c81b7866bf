"""Which paths do patterns name? Their syntax is that of ``.gitignore``.

A path is text relative to the folder, a folder's with a slash at its end. Bytes that are no
UTF-8 are surrogates in it, as in what patterns are read from.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

#: An expression to match from the start of a path, and the verdict when it does.
Rule = tuple[str, bool]

#: What a pattern that names a folder says about what lies below it: nothing where folders are
#: asked about before they are entered, the same where only files are asked about.
Reach = Literal["path", "below"]

EVERYTHING = frozenset({"*", "**", "**/*"})
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Patterns:
    """An ordered list of patterns; the last one that matches a path decides."""

    def __init__(self, rules: Iterable[Rule], *, reach: Reach) -> None:
        # Neighbours of one verdict make one expression: a path is matched against one or two,
        # however many patterns there are.
        self._groups: list[tuple[Callable[[str], Any], bool]] = [
            (_matcher("|".join(regex for regex, _ in group), reach), verdict)
            for verdict, group in groupby(reversed(list(rules)), key=lambda rule: rule[1])
        ]

    @classmethod
    def of(cls, lines: Iterable[str], *, reach: Reach) -> "Patterns":
        """Read the patterns of an option. Raises `ValueError` for a line that is none."""
        return cls([_rule(line) for line in lines], reach=reach)

    @classmethod
    def ignored(cls, data: bytes) -> "Patterns":
        """Read an ignore file; a line that is no pattern counts for nothing, as in git."""
        rules = []
        for line in data.removeprefix(BYTE_ORDER_MARK).split(b"\n"):
            with suppress(ValueError):
                rules.append(_rule(line.decode("utf-8", "surrogateescape")))
        return cls(rules, reach="path")

    def verdict(self, path: str) -> bool | None:
        """Return whether the path is named, False if by ``!``, None if by no pattern."""
        for matches, verdict in self._groups:
            if matches(path):
                return verdict
        return None


@dataclass(frozen=True, slots=True)
class Ignoring:
    """The patterns of one ``.ragflowignore`` and, above it, of those in enclosing folders."""

    patterns: Patterns
    #: Characters of a path that lead to the folder the patterns are relative to.
    start: int
    above: "Ignoring | None"

    def ignores(self, path: str) -> bool:
        """Return whether the path is ignored; the nearest file with an opinion decides."""
        level: Ignoring | None = self
        while level is not None:
            verdict = level.patterns.verdict(path[level.start :])
            if verdict is not None:
                return verdict
            level = level.above
        return False


def name_everything(patterns: Sequence[str]) -> bool:
    """Return whether it is known without matching that every path is named."""
    return bool(patterns) and EVERYTHING.issuperset(patterns)


def _matcher(regex: str, reach: Reach) -> Callable[[str], Any]:
    compiled = re.compile(regex, re.DOTALL)
    return compiled.match if reach == "below" else compiled.fullmatch


def _rule(line: str) -> Rule:
    from pathspec import GitIgnoreSpec

    patterns = GitIgnoreSpec.from_lines([line]).patterns
    if not patterns or patterns[0].regex is None or patterns[0].include is None:
        raise ValueError(f"{line!r} is no pattern")
    regex: str = patterns[0].regex.pattern
    verdict: bool = patterns[0].include
    # Named groups may not come twice in one expression.
    regex = regex.replace("(?P<ps_d>", "(?:")
    if regex.endswith("|$)"):
        # A dollar also matches before a newline that ends a name.
        regex = regex[:-2] + r"\Z)"
    elif regex.endswith("/"):
        # What `notes/**` names lies below `notes/`; the folder itself is not named.
        regex += ".+"
    elif regex == ".":
        regex = ".+"
    if not regex.startswith(("^", ".")):
        regex = ".*" + regex
    return regex, verdict
