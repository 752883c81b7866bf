"""Tasks whose parts come together in groups, and a shelf with folders."""

from ragflow import Part, task
from tests.unit.scheduling.desk import Shelf

#: What tasks were called with: texts, and keys of groups.
CALLS: list[str] = []
#: What a task raises, by text or key.
ERRORS: dict[str, BaseException] = {}


@task(version="1")
def upper(text: str) -> str:
    if text in ERRORS:
        raise ERRORS[text]
    CALLS.append(text)
    return text.upper()


@task(version="1")
def words(text: str) -> list[Part[str]]:
    return [Part(word, {"first": word[0]}) for word in text.split()]


def shelf_of(**documents: str) -> Shelf:
    """Return a shelf of texts, by keys in which ``_`` stands for a folder's end."""
    shelf = Shelf()
    for key, text in documents.items():
        shelf.put(key.replace("_", "/"), text)
    return shelf
