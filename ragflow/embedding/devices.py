"""What computes the vectors, in which precisions, and how much of a batch does it take at once?"""

from ragflow.cores import usable_cores
from ragflow.embedding.forward import Precision, Way

#: Padded tokens of one mini-batch, by kind of device, where nothing was calibrated.
#:
#: On a processor what fits its memories beats what does not: 1024 is 2 to 4 % faster than 2048
#: and 20 % faster than 8192 (all-MiniLM-L6-v2, one thread). Those of the others are cautious
#: and not measured.
BUDGETS = {"cpu": 1024, "mps": 8192, "cuda": 65536}


def several_devices() -> list[str]:
    """Return the GPUs torch can use, where there are more than one; else none."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return [f"cuda:{number}" for number in range(count)] if count > 1 else []


def best_device() -> str:
    """Return the best device torch can use here: ``cuda``, else ``mps``, else ``cpu``."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu"


def kind_of(device: str) -> str:
    """Return the kind of a device: ``cuda`` of ``cuda:1``."""
    return device.partition(":")[0]


def half_precisions(device: str) -> list[Precision]:
    """Return the half precisions that the device itself computes in, best first."""
    import torch

    if kind_of(device) == "cuda":
        return ["float16", "bfloat16"] if torch.cuda.is_bf16_supported() else ["float16"]
    if kind_of(device) == "mps":
        return ["float16"]
    # Names of torch's that may be missing; without them nothing is said to be there.
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return ["bfloat16"] if any(getattr(torch.cpu, name, bool)() for name in probes) else []


def safe_way(device: str) -> Way:
    """Return how a model is computed where nothing was calibrated: in single precision."""
    kind = kind_of(device)
    threads = usable_cores() if kind == "cpu" else 1
    return Way("torch", "float32", BUDGETS.get(kind, BUDGETS["cpu"]), threads)
