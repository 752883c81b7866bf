"""What is one call of a task given?"""

from enum import StrEnum


class Shape(StrEnum):
    """The shapes of task; they say what a call is given and what makes success durable."""

    SOURCE = "source"  #: nothing; it lists owners and loads them
    ITEM = "item"  #: one item; gives one, none or many
    BATCH = "batch"  #: a list of items from many owners; answer i depends on item i alone
    GROUP = "group"  #: the members of one group
    STEP = "run"  #: values of other steps, once a run
    TARGET = "target"  #: the parts of an owner; their rows are written
    GROUPING = "grouping"  #: brings items together; made by `group`, never declared
    BRANCH = "branch"  #: one side of what `split` parts; never declared
    UNION = "union"  #: what ``|`` unites; never declared
    PARTS = "parts"  #: the parts of drafts; never declared


#: What a pipeline is given by `group`, `split`, ``|`` and drafts: it calls no task.
BUILT_IN = frozenset({Shape.GROUPING, Shape.BRANCH, Shape.UNION, Shape.PARTS})
#: What ``@task(per=...)`` may say.
DECLARED = tuple(shape for shape in Shape if shape not in BUILT_IN)
