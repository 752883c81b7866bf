"""Where does each task of a small graph stand, so that edges go one way and cross little?

Layers from left to right, each task one layer after the last it depends on. An edge over
several layers gets a place in each of them, so that it passes between tasks and not below one.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

#: Times the order within layers is improved, once from each side; more changes nothing here.
_SWEEPS = 4


class Layout(msgspec.Struct, frozen=True):
    """A place for every node and a way for every edge; layer and height count from 0."""

    places: Mapping[str, tuple[int, float]]
    #: By edge: the places it passes, both ends included.
    ways: Mapping[tuple[str, str], Sequence[tuple[int, float]]]
    layers: int
    #: The most places in one layer.
    height: int


def lay_out(network: Any) -> Layout:
    """Return where the nodes of an acyclic networkx graph stand."""
    import networkx

    layers: list[list[str]] = [list(layer) for layer in networkx.topological_generations(network)]
    level = {name: number for number, layer in enumerate(layers) for name in layer}
    ways: dict[tuple[str, str], list[str]] = {}
    for upstream, downstream in network.edges:
        between = [
            f"{upstream}\0{downstream}\0{n}" for n in range(level[upstream] + 1, level[downstream])
        ]
        for number, name in enumerate(between, level[upstream] + 1):
            layers[number].append(name)
            level[name] = number
        ways[upstream, downstream] = [upstream, *between, downstream]
    _order(layers, ways.values())
    height = max((len(layer) for layer in layers), default=0)
    places = {
        name: (number, place + (height - len(layer)) / 2)
        for number, layer in enumerate(layers)
        for place, name in enumerate(layer)
    }
    return Layout(
        places={name: places[name] for name in network},
        ways={edge: [places[name] for name in way] for edge, way in ways.items()},
        layers=len(layers),
        height=height,
    )


def _order(layers: list[list[str]], ways: Any) -> None:
    """Bring each layer into the order of what its members are joined to."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for way in ways:
        for one, other in itertools.pairwise(way):
            before.setdefault(other, []).append(one)
            after.setdefault(one, []).append(other)
    for sweep in range(_SWEEPS):
        joined, order = (before, layers) if sweep % 2 == 0 else (after, layers[::-1])
        places: dict[str, float] = {}
        for layer in order:
            here = {name: float(number) for number, name in enumerate(layer)}
            layer.sort(key=lambda name: _middle(joined.get(name, ()), places, here[name]))
            places |= {name: float(number) for number, name in enumerate(layer)}


def _middle(names: Sequence[str], places: Mapping[str, float], otherwise: float) -> float:
    return sum(places[name] for name in names) / len(names) if names else otherwise
