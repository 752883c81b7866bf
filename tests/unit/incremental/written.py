"""Modules written for a test, and whether what is written in them counts."""

from collections.abc import Callable

#: Writes modules, imports them afresh and names a task of the first.
Prints = Callable[..., bytes]


def variants(prints: Prints, template: str, *fillings: str, **others: str) -> list[bytes]:
    """Return the names of a task in modules that differ by what FILL stands for."""
    return [
        prints(
            template.replace("FILL", filling),
            "f",
            **{k: v.replace("FILL", filling) for k, v in others.items()},
        )
        for filling in fillings
    ]


def all_differ(found: list[bytes]) -> bool:
    """Tell whether no two are alike."""
    return len(set(found)) == len(found)


def cases(text: str) -> dict[str, list[str]]:
    """Return texts by the name of their case: ``## name``, a text, ``--``, another."""
    found = {}
    for case in text.strip().removeprefix("## ").split("\n## "):
        name, _, texts = case.partition("\n")
        found[name] = [each.strip("\n") + "\n" for each in texts.split("\n--\n")]
    return found
