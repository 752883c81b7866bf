"""What changes a task's outcome changes its code fingerprint, and nothing else does."""

import textwrap

import pytest

from ragflow.errors import FingerprintError
from ragflow.incremental.task_code import code_fingerprint
from ragflow.tasks import by_payload, extract
from tests.unit.incremental.written import all_differ, variants

BASE = '''
"""The module."""
import re
from functools import lru_cache, wraps
from ragflow import task

LIMIT = 3
PATTERN = re.compile("a+")


def clean(text, lower=True):
    """Clean it."""
    return strip(text).lower() if lower else strip(text)


def strip(text):
    return text.strip()[:LIMIT]


@task(retries_are_no_parameter=None) if False else task
def shorten(text: str, *, size: int = 10) -> str:
    """Make it short."""
    # a comment
    found = PATTERN.search(text)
    return clean(text)[:size]
'''


def test_writing_it_down_again_changes_nothing(prints):
    assert prints(BASE) == prints(BASE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# a comment", "# another comment"),
        ("# a comment\n", "\n\n"),
        ('"""Make it short."""', '"""Make it very short."""'),
        ('    """Make it short."""\n', ""),
        ('"""Clean it."""', '"""Clean it well.\n\n    Really."""'),
        ('"""The module."""', '"""Another module."""'),
        ("clean(text)[:size]", "clean( text ) [ :size ]"),
        ("clean(text)[:size]", "(\n        clean(text)[:size]\n    )"),
        ("LIMIT = 3", "LIMIT = 3\nUNUSED = 4"),
        ("@task(retries_are_no_parameter=None) if False else task", "@task(memo=False, batch=2)"),
        ("def shorten(", "def abbreviate("),
        ("import re\n", "import re\nimport os\n"),
    ],
)
def test_what_computes_nothing_does_not_count(prints, before, after):
    assert before in BASE
    changed = BASE.replace(before, after)
    name = "abbreviate" if "abbreviate" in after else "shorten"
    assert prints(changed, name) == prints(BASE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("clean(text)[:size]", "clean(text)[1:size]"),
        ("size: int = 10", "size: int = 11"),
        ("lower=True", "lower=False"),
        ("text.strip()[:LIMIT]", "text.strip()[1:LIMIT]"),
        ("LIMIT = 3", "LIMIT = 4"),
        ("LIMIT = 3", "LIMIT = [3]"),
        ('re.compile("a+")', 're.compile("b+")'),
        ('re.compile("a+")', 're.compile("a+", re.IGNORECASE)'),
        ("def strip(", "@lru_cache\ndef strip("),
    ],
)
def test_bodies_helpers_of_helpers_globals_and_defaults_count(prints, before, after):
    assert before in BASE
    changed = prints(BASE.replace(before, after))
    if "lru_cache" in after:
        assert changed == prints(
            BASE
        )  # a decorator of an installed package that keeps the function
    else:
        assert changed != prints(BASE)


def test_a_decorator_of_our_own_counts_with_what_it_reads(prints):
    text = """
        from functools import wraps
        SUFFIX = "FILL"
        def marked(function):
            @wraps(function)
            def wrapper(*args):
                return function(*args) + SUFFIX
            return wrapper
        @marked
        def helper(text):
            return text
        def f(text: str) -> str:
            return helper(text)
    """
    assert all_differ(variants(prints, text, "a", "b"))


def test_what_a_function_closes_over_counts(prints):
    text = """
        def make(size):
            def inner(text: str) -> str:
                return text[:size]
            return inner
        f = make(FILL)
    """
    assert all_differ(variants(prints, text, "1", "2", "None"))


def test_an_own_function_that_is_closed_over_counts(prints):
    text = """
        def helper(text):
            return text + "FILL"
        def make(function):
            def inner(text: str) -> str:
                return function(text)
            return inner
        f = make(helper)
    """
    assert all_differ(variants(prints, text, "a", "b"))


@pytest.mark.parametrize(
    "body",
    [
        "import own_helpers\ndef f(text: str) -> str:\n    return own_helpers.clean(text)",
        "import own_helpers as h\ndef f(text: str) -> str:\n    return h.clean(text)",
        "from own_helpers import clean\ndef f(text: str) -> str:\n    return clean(text)",
        "def f(text: str) -> str:\n    import own_helpers\n    return own_helpers.clean(text)",
        "def f(text: str) -> str:\n    import own_helpers as h\n    return h.clean(text)",
        "def f(text: str) -> str:\n    from own_helpers import clean as c\n    return c(text)",
        "import own_helpers as h\ndef f(text: str) -> str:\n    return h.Cleaner().clean(text)",
        "import own_helpers\ndef f(text: str) -> str:\n    return text + own_helpers.SUFFIX",
        "import own_helpers\ndef f(text: str) -> str:\n    return own_helpers.clean_later(text)",
        "import own_helpers\nf = lambda text: own_helpers.clean(text)",
    ],
)
def test_an_own_module_counts_by_what_is_taken_of_it(prints, body):
    helpers = """
        SUFFIX = "FILL"
        UNRELATED = object()
        def clean(text):
            return text + SUFFIX
        def clean_later(text):
            from own_further import further
            return further(text)
        class Cleaner:
            def clean(self, text):
                return clean(text)
    """
    further = "def further(text):\n    return text + 'FILL'"
    found = variants(prints, body, "a", "b", own_helpers=helpers, own_further=further)
    assert all_differ(found)


def test_of_an_own_module_what_is_not_taken_does_not_count(prints):
    body = "import own_helpers\ndef f(text: str) -> str:\n    return own_helpers.clean(text)"
    helpers = "def clean(text):\n    return text\ndef other():\n    return 'FILL'"
    assert not all_differ(variants(prints, body, "a", "b", own_helpers=helpers))


@pytest.mark.parametrize(
    "declared",
    [
        "class Cleaner:\n    def clean(self, text):\n        return helper(text)",
        "class Cleaner:\n    @staticmethod\n    def clean(text):\n        return helper(text)",
        "class Cleaner:\n    @classmethod\n    def clean(cls, text):\n        return helper(text)",
        "class Cleaner:\n    @property\n    def clean(self):\n        return helper",
        (
            "class Base:\n    def clean(self, text):\n        return helper(text)\n"
            "class Cleaner(Base): pass"
        ),
        (
            "from dataclasses import dataclass, field\n@dataclass\nclass Cleaner:\n"
            "    a: int = 0\n    b: list = field(default_factory=list)\n"
            "    def clean(self, text):\n        return helper(text)"
        ),
        (
            "import msgspec\nclass Cleaner(msgspec.Struct):\n    def clean(self, text):\n"
            "        return helper(text)"
        ),
        "class Cleaner:\n    clean = staticmethod(lambda text: helper(text))",
    ],
)
def test_an_own_class_counts_with_what_its_methods_call(prints, declared):
    text = f"{declared}\ndef helper(text):\n    return text + 'FILL'\n"
    reads = text + "def f(text: str) -> str:\n    return Cleaner().clean(text)"
    assert all_differ(variants(prints, reads, "a", "b"))


def test_the_methods_of_what_a_task_is_given_count(prints):
    text = """
        class Paper:
            text = ""
            def title(self):
                return self.text + "FILL"
        def f(paper: Paper) -> str:
            return paper.title()
    """
    assert all_differ(variants(prints, text, "a", "b"))
    assert all_differ(
        variants(prints, "from __future__ import annotations\n" + textwrap.dedent(text), "a", "b")
    )
    listed = textwrap.dedent(text).replace("paper: Paper", "paper: list[Paper]")
    assert all_differ(variants(prints, listed.replace("paper.title", "paper[0].title"), "a", "b"))


def test_lambdas_on_one_line_are_told_apart(prints):
    text = "pair = (lambda text: text + 'a', lambda text: text + 'b')\nf = pair[FILL]"
    assert all_differ(variants(prints, text, "0", "1"))


def test_what_stands_around_a_lambda_does_not_count(prints):
    text = "def call(a, b):\n    return b\nf = call(FILL, b=lambda text: text + 'a')"
    assert not all_differ(variants(prints, text, "1", "2"))


def test_recursion_ends(prints):
    text = """
        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - FILL)
        def f(n: int) -> bool: return even(n)
    """
    assert all_differ(variants(prints, text, "1", "2"))


def test_another_task_counts_by_its_code_or_its_version(prints):
    text = """
        from ragflow import task
        @task
        def inner(text: str) -> str:
            return text + "FILL"
        @task
        def f(text: str) -> str:
            return inner(text)
    """
    assert all_differ(variants(prints, text, "a", "b"))
    versioned = text.replace("@task\n        def inner", '@task(version="1")\n        def inner')
    assert not all_differ(variants(prints, versioned, "a", "b"))
    by_version = text.replace(
        "@task\n        def inner", '@task(version="FILL")\n        def inner'
    )
    by_version = by_version.replace('text + "FILL"', "text")
    assert all_differ(variants(prints, by_version, "a", "b"))


def test_a_version_stands_for_all_of_it(prints):
    text = """
        from ragflow import task
        CONNECTION = object()
        @task(version="VERSION")
        def f(text: str) -> str:
            return CONNECTION.ask(text + "FILL")
    """
    first = text.replace("VERSION", "1")
    assert not all_differ(variants(prints, first, "a", "b"))
    assert prints(first, "f") != prints(text.replace("VERSION", "2"), "f")


@pytest.mark.parametrize(
    "declared",
    [
        "import logging\nTHING = logging.getLogger(__name__)",
        "from datetime import UTC as THING",
        "from typing import Any as THING",
        "THING = list[int]",
        "from math import sqrt as THING",
        "THING = str.lower",
        "THING = ', '.join",
        "from functools import partial\nTHING = partial(int, base=2)",
        "from ragflow import Secret\nTHING = Secret('env:A')",
        "from enum import Enum\nclass THING(Enum):\n    A = 1",
        "from collections import Counter as THING",
        "import json as THING",
        "THING = {'a': [1, (2, 3)]}",
    ],
)
def test_common_globals_are_understood(prints, declared):
    reads = declared + "\ndef f(text: str) -> str:\n    return THING"
    prints(reads, "f")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("THING = ', '.join", "THING = '; '.join"),
        (
            "from functools import partial\nTHING = partial(int, base=2)",
            "from functools import partial\nTHING = partial(int, base=3)",
        ),
        (
            "from enum import Enum\nclass THING(Enum):\n    A = 1",
            "from enum import Enum\nclass THING(Enum):\n    A = 2",
        ),
        ("from math import sqrt as THING", "from math import exp as THING"),
        ("from collections import Counter as THING", "from collections import deque as THING"),
    ],
)
def test_what_a_common_global_is_counts(prints, first, second):
    reads = "\ndef f(text: str) -> str:\n    return THING"
    assert prints(first + reads, "f") != prints(second + reads, "f")


@pytest.mark.parametrize(
    "declared",
    [
        "THING = object()",
        "from threading import Lock\nTHING = Lock()",
        "THING = [object()]",
        "THING = iter('')",
    ],
)
def test_a_global_that_cannot_be_followed_is_refused_with_its_path_and_three_ways_out(
    prints, declared
):
    helper = "def helper():\n    return THING\n"
    text = f"{declared}\n{helper}def f(text: str) -> str:\n    return helper()"
    with pytest.raises(FingerprintError, match=r"f -> helper -> THING(\[0\])? is an? ") as raised:
        prints(text, "f")
    for way_out in ("parameter", "@resource", "version="):
        assert way_out in raised.value.hint


def test_an_attribute_named_like_a_global_is_not_that_global(prints):
    prints("connection = object()\ndef f(text: str) -> str:\n    return text.connection", "f")


def test_a_local_name_like_a_global_is_not_that_global(prints):
    prints("x = object()\ndef f(text: str) -> str:\n    x = 1\n    return x", "f")


def test_code_without_source_counts_by_its_bytecode():
    def named(body: str) -> bytes:
        space: dict = {"__name__": "own_exec"}
        exec(f"def f(text):\n    {body}", space)
        return code_fingerprint(space["f"])

    assert named("return text") == named("return text  # same")
    assert named("return text + 'a'") != named("return text + 'b'")
    assert named("return [x for x in 'a']") == named("return [x for x in 'a']")
    assert named("return [x for x in 'a']") != named("return [x for x in 'b']")


def test_groups_by_one_payload_are_not_groups_by_another():
    assert code_fingerprint(by_payload("team")) != code_fingerprint(by_payload("year"))
    assert code_fingerprint(by_payload("team")) == code_fingerprint(by_payload("team"))


def test_a_prebuilt_task_counts_by_its_version():
    assert code_fingerprint(extract.function, "1") != code_fingerprint(extract.function, "2")
