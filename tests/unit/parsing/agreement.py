"""How much of two texts is the same?"""


def agreement(one: str, other: str) -> float:
    """Twice the longest common subsequence by the length of both: Levenshtein.ratio.

    Bits of one large number stand for the places of `one`, so that a row of the table of
    lengths is three operations (Hyyrö, "Bit-parallel LCS-length computation revisited").
    """
    places: dict[str, int] = {}
    for place, character in enumerate(one):
        places[character] = places.get(character, 0) | 1 << place
    every = (1 << len(one)) - 1
    row = every
    for character in other:
        at = row & places.get(character, 0)
        row = (row + at | row - at) & every
    return 2 * (len(one) - row.bit_count()) / max(1, len(one) + len(other))
