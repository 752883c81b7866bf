"""Linear layers whose weights lie as oneDNN wants them, so nothing is rearranged in each call."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn
from torch.nn import functional


def is_available() -> bool:
    """Tell whether this torch can do it: the two operators are no public interface."""
    built: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return built and all(
        hasattr(torch.ops.mkldnn, name) for name in ("_reorder_linear_weight", "_linear_pointwise")
    )


def prepack(model: nn.Module, probe: Callable[[], object]) -> int:
    """Replace the linear layers of `model`, and return how many; `probe` runs the model once.

    Every plain `nn.Linear` on a processor counts, whatever the model is called. Where a GELU
    takes the very output of one, both become one product. A model may do with its layers what
    cannot be seen from here, so the caller compares what it gives before and after.
    """
    fused = _fused(model, probe)
    algorithms = {linear: algorithm for linear, _, algorithm in fused}
    activations = {activation for _, activation, _ in fused}
    packed: dict[nn.Module, nn.Module] = {}
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if child in activations:
                setattr(parent, name, nn.Identity())
            elif _is_plain(child):
                if child not in packed:
                    packed[child] = _Prepacked(child, algorithms.get(child, ""))
                setattr(parent, name, packed[child])
    return len(packed)


class _Prepacked(nn.Module):
    def __init__(self, linear: Any, gelu: str) -> None:
        super().__init__()
        weight = linear.weight.detach()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, None)  # noqa: SLF001
        self._bias = None if linear.bias is None else linear.bias.detach()
        self._after: tuple[str, list[Any], str] = ("gelu" if gelu else "none", [], gelu)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(  # noqa: SLF001
            states, self._weight, self._bias, *self._after
        )
        return product


def _is_plain(module: nn.Module) -> bool:
    # A subclass, or a layer with hooks or parametrizations, may do more than its product.
    return (
        type(module) is nn.Linear
        and module.weight.device.type == "cpu"
        and module.weight.dtype in (torch.float32, torch.bfloat16)
        and not module._forward_hooks  # noqa: SLF001
        and not module._forward_pre_hooks  # noqa: SLF001
    )


def _fused(model: nn.Module, probe: Callable[[], object]) -> list[tuple[nn.Module, nn.Module, str]]:
    """Return each linear layer whose output a GELU takes, with that GELU and its algorithm."""
    plain = [module for module in model.modules() if _is_plain(module)]
    gelus = {m: found for m in model.modules() if (found := _gelu_algorithm(m))}
    # The outputs are kept, so that no identity is given twice.
    outputs: dict[int, tuple[nn.Module, object]] = {}
    takers: dict[nn.Module, list[nn.Module | None]] = {}

    def made(module: nn.Module, _given: object, output: object) -> None:
        outputs[id(output)] = (module, output)

    def taken(module: nn.Module, given: tuple[object, ...]) -> None:
        found = outputs.get(id(given[0])) if given else None
        takers.setdefault(module, []).append(found[0] if found else None)

    with ExitStack() as hooks:
        for module in plain:
            hooks.callback(module.register_forward_hook(made).remove)
        for module in gelus:
            hooks.callback(module.register_forward_pre_hook(taken).remove)
        probe()
    return [
        (linear, gelu, gelus[gelu])
        for gelu, given in takers.items()
        if None not in given  # it also takes what no layer gave
        for linear in given
        if linear is not None
    ]


def _gelu_algorithm(module: nn.Module) -> str:
    """Return what oneDNN calls the GELU that a module computes, "" for any other module."""
    has_more = any(True for _ in module.children()) or any(True for _ in module.parameters())
    if has_more or "gelu" not in repr(module).lower():
        return ""
    given = torch.linspace(-6, 6, 97)
    try:
        found = module(given)
    except (TypeError, RuntimeError):
        return ""
    for algorithm in ("none", "tanh"):
        expected = functional.gelu(given, approximate=algorithm)
        if isinstance(found, torch.Tensor) and torch.allclose(
            found, expected, rtol=1e-6, atol=1e-6
        ):
            return algorithm
    return ""
