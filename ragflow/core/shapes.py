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
