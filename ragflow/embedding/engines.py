"""Which engine computes a model the way that is said?"""

from pathlib import Path

from ragflow.embedding.forward import Forward, TorchForward, Way


def open_forward(folder: Path, device: str, way: Way) -> Forward:
    """Open the model the way that is said."""
    if way.engine == "openvino":
        from ragflow.embedding.openvino_forward import OpenvinoForward

        return OpenvinoForward(folder, way.precision, threads=way.threads)
    return TorchForward(folder, device, way.precision)
