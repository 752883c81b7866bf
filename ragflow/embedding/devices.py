"""What computes the vectors, and how much of a batch does it take at once?"""

#: Padded tokens of one mini-batch, by kind of device.
#:
#: On a processor, sizes from 512 to 16384 differ less in speed than busy cores make them
#: (all-MiniLM-L6-v2, 2 cores), so it is the memory that counts. Those of the others are cautious
#: and not measured.
BUDGETS = {"cpu": 4096, "mps": 8192, "cuda": 65536}


def best_device() -> str:
    """Return the best device torch can use here: ``cuda``, else ``mps``, else ``cpu``."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu"


def token_budget(device: str) -> int:
    """Return how many tokens, padding included, a mini-batch on `device` may have."""
    return BUDGETS.get(device.partition(":")[0], BUDGETS["cpu"])
