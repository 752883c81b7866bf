"""What is a definition made of, written down once so that two of them can be compared?"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ragflow.core.items import Fingerprint


class TaskRecipe(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One task above an end, with everything that counts for what it makes."""

    name: str
    #: ``source``, ``item``, ``batch``, ``group``, ``run`` (a step), ``target`` and so on.
    shape: str
    #: The fingerprint of all below together; of a step the fingerprint of what it returned.
    fingerprint: Fingerprint
    #: The fingerprint of its code; None where a version stands for it, and without any.
    code: Fingerprint | None = None
    #: The version it declares.
    version: str | None = None
    #: Plain values; a secret is its reference.
    parameters: Mapping[str, Any] = {}
    #: By resource: its plain identity; a model's is its spec.
    resources: Mapping[str, Any] = {}
    #: The name of the type it returns.
    returns: str | None = None
    #: The tasks its data come from, in order.
    data: Sequence[str] = ()
    #: When it is called, where that is not the default; and what it waits for then.
    rule: str | None = None
    waits_for: Sequence[str] = ()


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """One definition of an end: the tasks above it, in order, itself the last."""

    #: ``target:place``, or ``task:NAME``.
    end: str
    definition: Fingerprint
    tasks: Sequence[TaskRecipe]
    #: The run that wrote it down first; 0 before any did.
    run: int = 0
