"""``ragflow run``: bring an index up to date."""

from ragflow.cli.handing_on import is_handed_on
from ragflow.cli.options import (
    Accept,
    Deletions,
    Force,
    From,
    Instance,
    Json,
    MaxCost,
    MaxFailed,
    Only,
    PipelineName,
    Settings,
    Until,
    Wait,
    most_failed,
    parameters_of,
)
from ragflow.cli.output import results
from ragflow.cli.running import carry_out


def run_pipeline(
    name: PipelineName,
    *,
    settings: Settings = None,
    instance: Instance = None,
    max_failed: MaxFailed = None,
    max_cost: MaxCost = None,
    until: Until = None,
    only: Only = None,
    since: From = None,
    force: Force = False,
    accept: Accept = False,
    allow_deletions: Deletions = False,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Bring an index up to date with its documents.

    While a run of everything is at work, documents named with --only are handed to that run,
    which serves them before all others.

    Ends with 0 when every document is served, 3 when this run failed a document, 1 when the
    run failed, 2 for wrong usage and 130 when it was interrupted or cancelled.
    """
    most = most_failed(max_failed)
    from ragflow.api.people import user_name
    from ragflow.api.project import find_pipeline
    from ragflow.runtime.home import open_home

    with results() as out, open_home() as home:
        request = find_pipeline(home.project, name).request(
            parameters_of(settings),
            project=home.project,
            texts=True,
            instance=instance,
            max_failed=most,
            max_cost=max_cost,
            until=until,
            only=tuple(only or ()),
            since=since,
            force=force,
            accept=accept,
            allow_deletions=allow_deletions,
            wait=wait,
            trigger="command",
            actor=user_name(),
        )
        if not (only and is_handed_on(home, request, out, as_json=as_json)):
            carry_out(home, request, out, as_json=as_json)
