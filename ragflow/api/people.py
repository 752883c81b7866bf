"""Who is at the keyboard, for the audit?"""

import getpass


def user_name() -> str:
    """Return the name the operating system knows the user by; ``somebody`` where it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may run under a number without a name
        return "somebody"
