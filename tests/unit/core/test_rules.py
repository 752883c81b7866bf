"""A rule decides by counts alone; this is the whole table for small ones."""

from itertools import product

import pytest

from ragflow.core.rules import Decision, Rule, decide

RUN, SKIP, BLOCK = Decision.RUN, Decision.SKIP, Decision.BLOCK

#: What is looked at: some succeeded, some were skipped, some failed.
TABLE = {
    #                 all_succeeded none_failed any_succeeded any_failed all_done
    (False, False, False): (RUN, RUN, RUN, SKIP, RUN),
    (True, False, False): (RUN, RUN, RUN, SKIP, RUN),
    (False, True, False): (SKIP, RUN, SKIP, SKIP, RUN),
    (True, True, False): (SKIP, RUN, RUN, SKIP, RUN),
    (False, False, True): (BLOCK, BLOCK, BLOCK, RUN, RUN),
    (True, False, True): (BLOCK, BLOCK, RUN, RUN, RUN),
    (False, True, True): (BLOCK, BLOCK, BLOCK, RUN, RUN),
    (True, True, True): (BLOCK, BLOCK, RUN, RUN, RUN),
}
RULES = (
    Rule.ALL_SUCCEEDED,
    Rule.NONE_FAILED,
    Rule.ANY_SUCCEEDED,
    Rule.ANY_FAILED,
    Rule.ALL_DONE,
)


def test_the_table_names_every_rule():
    assert set(RULES) == set(Rule)


@pytest.mark.parametrize("rule", Rule)
def test_a_rule_decides_as_the_table_says_however_many_there_are(rule):
    for succeeded, skipped, failed in product(range(4), repeat=3):
        wanted = TABLE[succeeded > 0, skipped > 0, failed > 0][RULES.index(rule)]
        assert decide(rule, succeeded=succeeded, skipped=skipped, failed=failed) is wanted
