"""What share of a whole does a text such as ``"20%"`` name?"""


def read_share(text: str) -> float:
    """Return the percentage, between 0 and 100. Raises `ValueError` for anything else."""
    value = float(text.removesuffix("%").strip())
    if not text.endswith("%") or not 0 <= value <= 100:
        raise ValueError(f"{text!r} is no share of a whole")
    return value
