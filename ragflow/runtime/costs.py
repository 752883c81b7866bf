"""What would the calls with a price cost, and may they?"""

from ragflow.errors import GuardError
from ragflow.runtime.guards import check_cost
from ragflow.runtime.plan_summary import bound_of, widest
from ragflow.runtime.work import Work
from ragflow.scheduling.reckoning import Reckoning


def most_cost(work: Work) -> int | None:
    """Return what a run may cost: as it was asked for, else as ragflow.toml says."""
    asked = work.request.how.max_cost
    return work.home.project.config.guards.max_cost if asked is None else asked


def cost_refusal(work: Work, reckoning: Reckoning) -> GuardError | None:
    """Return why a run may not be carried out for what it would cost; None where it may.

    What tasks count (tokens) is added up; a task that has a price and counts nothing costs 1 a
    call. What nobody can count before it is done does not count: the observer is told.
    """
    graph, most = work.request.graph, most_cost(work)
    if most is None:
        return None
    priced = [
        node
        for node in graph.nodes.values()
        if node.task is not None and node.task.settings.plan == "count"
    ]
    cost, units = 0, set()
    for node in priced:
        if node.cost is None:
            calls = reckoning.calls(node.name) + reckoning.possible[node.name]
            cost += calls
            units.update(["calls"] if calls else [])
        elif node.name in reckoning.units:
            cost += reckoning.cost(node.name) + reckoning.possible_costs[node.name]
            units.add(reckoning.units[node.name])
    bound = widest(bound_of(graph, reckoning, node) for node in priced)
    if bound == "at least":
        work.observer.noted(
            "what some calls would lead to cannot be counted: max_cost leaves it out"
        )
    try:
        unit = units.pop() if len(units) == 1 else "in all"
        check_cost(cost, unit, most, is_most=bound == "at most")
    except GuardError as error:
        return error
    return None
