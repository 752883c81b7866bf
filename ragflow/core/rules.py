"""May a call run, given what became of everything it looks at?

A rule is asked once, when everything it looks at is over, and only counts: how many
succeeded, were skipped, or failed. What was blocked has failed, by somebody else's doing.
"""

import enum


class Rule(enum.StrEnum):
    """When a task runs, by what became of what it comes after."""

    #: All of it succeeded.
    ALL_SUCCEEDED = "all_succeeded"
    #: None of it failed; what was skipped does not matter.
    NONE_FAILED = "none_failed"
    #: Some of it succeeded.
    ANY_SUCCEEDED = "any_succeeded"
    #: Some of it failed: a rescue, or a cleanup.
    ANY_FAILED = "any_failed"
    #: All of it is over, whatever came of it.
    ALL_DONE = "all_done"


class Decision(enum.StrEnum):
    """What a rule says of a call."""

    RUN = "run"
    #: It is not called, and nothing is wrong.
    SKIP = "skip"
    #: It is not called, because something before it failed.
    BLOCK = "block"


def decide(rule: Rule, *, succeeded: int, skipped: int, failed: int) -> Decision:
    """Say what becomes of a call whose rule looks at this many that are over.

    `failed` counts what was blocked too. With nothing to look at a call runs, unless its
    rule waits for a failure.
    """
    match rule:
        case Rule.ALL_SUCCEEDED:
            if failed:
                return Decision.BLOCK
            return Decision.SKIP if skipped else Decision.RUN
        case Rule.NONE_FAILED:
            return Decision.BLOCK if failed else Decision.RUN
        case Rule.ANY_SUCCEEDED:
            if succeeded or not (skipped or failed):
                return Decision.RUN
            return Decision.BLOCK if failed else Decision.SKIP
        case Rule.ANY_FAILED:
            return Decision.RUN if failed else Decision.SKIP
        case Rule.ALL_DONE:
            return Decision.RUN
