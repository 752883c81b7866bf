"""How do people read a count, a duration, an instant?"""

from datetime import datetime

_MINUTE = 60
_HOUR = 3600


def counted(number: int, noun: str) -> str:
    """Return ``1 document`` or ``1,234 documents``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a duration with the precision that still matters: ``0.42 s``, ``3 min 05 s``."""
    whole = round(seconds)
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < _MINUTE - 0.5:
        return f"{seconds:.1f} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    minutes = round(seconds / _MINUTE)
    return f"{minutes // _MINUTE} h {minutes % _MINUTE:02} min"


def instant(moment: datetime) -> str:
    """Return an instant to the second, in the time zone of the machine."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
