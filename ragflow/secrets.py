"""What is the secret that a reference names?"""

import os
from pathlib import Path

from ragflow.core.secret_reference import Secret
from ragflow.errors import UsageError


def resolve(secret: Secret) -> str:
    """Return the secret behind ``env:NAME`` or ``file:PATH``, trailing newline removed.

    Called in the worker, just before a resource is opened. Raises `UsageError` naming the
    reference, never the secret.
    """
    kind, _, name = secret.reference.partition(":")
    if kind == "env":
        found = os.environ.get(name)
        if found is None:
            raise UsageError(
                f"the secret {secret.reference!r} is not set",
                hint=f"set the environment variable {name}",
            )
        return found
    try:
        return Path(name).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the secret {secret.reference!r} cannot be read",
            hint="check that the file is there, is text and may be read",
        ) from error
