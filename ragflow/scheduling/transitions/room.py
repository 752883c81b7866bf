"""May another owner enter?"""

from ragflow.core.states import RunState
from ragflow.scheduling.transitions.state import State


def has_room(state: State) -> bool:
    """Tell whether the shell should let another owner enter now.

    A window of owners and of their weight is on its way at a time, one of any weight at
    least; and none enters while finished owners fill a portion, which a turn lets go or which
    waits for one that is being written.
    """
    return not is_full(state) and may_enter(state)


def may_enter(state: State) -> bool:
    """Tell whether another owner can come in before one that is on its way is finished."""
    policy = state.policy
    if state.is_exhausted or state.phase is not RunState.RUNNING:
        return False
    if len(state.portions) >= policy.portions and is_full(state):
        return False
    if not state.on_way:
        return True
    return state.on_way < policy.window_owners and state.weight < policy.window_weight


def is_full(state: State) -> bool:
    """Tell whether the owners that are finished fill a portion."""
    most = state.policy.portion
    return state.finished_rows >= most or len(state.finished) >= most
