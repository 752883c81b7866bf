"""``ragflow models``: which models there are, what is said of one, and whether it is true here."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragflow.cli.failures import ExitCode
from ragflow.cli.groups import command_group
from ragflow.cli.options import Json
from ragflow.cli.output import enveloped, plain, results, say

if TYPE_CHECKING:
    from ragflow.embedding.model_spec import ModelSpec

app = command_group("List, show, check and calibrate embedding models.")

Model = Annotated[str, typer.Argument(metavar="NAME", help="Name of a model.")]


@app.command("list")
def list_models(*, as_json: Json = False) -> None:
    """List the models that have a spec: those shipped, and those of the project."""
    from ragflow.embedding.model_spec import known_models, load_spec
    from ragflow.views.models import models_table

    with results() as out:
        folders = _folders()
        found = [_described(load_spec(name, folders=folders)) for name in known_models(folders)]
        if as_json:
            out.json(enveloped(models=found))
            return
        out.table(models_table(found))
        if any(model["weights"]["where"] == "missing" for model in found):
            say("`ragflow models show NAME` says how weights are brought to this machine")


@app.command("show")
def show_model(name: Model, *, as_json: Json = False) -> None:
    """Show what the spec of a model says, each fact with where it was read."""
    from ragflow.views.models import model_text

    with results() as out:
        found = _described(_spec(name))
        if as_json:
            out.json(enveloped(models=[found]))
        else:
            out.line(model_text(found, width=out.width))


@app.command("check")
def check_model(
    name: Model,
    *,
    ask: Annotated[
        bool, typer.Option("--ask", help="Send two short texts to the endpoint of a remote model.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check that a model on this machine is the one its spec means, and embed two texts.

    Nothing is fetched, and no endpoint is asked unless --ask says so.
    """
    from ragflow.embedding.examination import examine
    from ragflow.views.models import findings_table

    with results() as out:
        spec = _spec(name)
        findings = [
            {"name": each.name, "right": each.is_right, "found": each.found}
            for each in examine(spec, key=_key(spec) if ask else None)
        ]
        if as_json:
            out.json(enveloped(model=spec.name, findings=findings))
        else:
            out.table(findings_table(findings))
    if spec.is_remote and not ask and not as_json:
        say("--ask sends it two short texts")
    if any(each["right"] is False for each in findings):
        raise typer.Exit(ExitCode.FAILED)


@app.command("calibrate")
def calibrate_model(
    name: Model,
    *,
    device: Annotated[
        str | None,
        typer.Option(metavar="DEVICE", help="Where: cpu, cuda or mps; the best there is."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Find the fastest way to compute a model here that keeps its vectors, and keep it.

    It takes a few seconds, and holds for this user, model and machine from then on.
    """
    from ragflow.errors import ParameterError
    from ragflow.views.models import calibration_text

    with results() as out:
        spec = _spec(name)
        if spec.is_remote:
            raise ParameterError(
                f"model {name!r} is computed elsewhere", hint="there is nothing to calibrate here"
            )
        from ragflow.embedding.calibration import calibrate

        found = plain(calibrate(spec, device=device))
        if as_json:
            out.json(enveloped(**found))
        else:
            out.line(calibration_text(found, width=out.width))


def _folders() -> list[Path]:
    """Return where a project keeps specs of its own; outside of one there are none."""
    from ragflow.config import find_project
    from ragflow.errors import NotFoundError

    try:
        project = find_project()
    except NotFoundError:
        return []
    return [project.root / project.config.models]


def _spec(name: str) -> "ModelSpec":
    from ragflow.embedding.model_spec import load_spec

    return load_spec(name, folders=_folders())


def _key(spec: "ModelSpec") -> str:
    from ragflow.core.secret_reference import Secret
    from ragflow.secrets import resolve

    secret = spec.endpoint.secret if spec.endpoint else ""
    return resolve(Secret(secret)) if secret else ""


def _described(spec: "ModelSpec") -> dict[str, Any]:
    from ragflow.embedding.model_spec import FACTS

    facts = {fact: plain(getattr(spec, fact)) for fact in FACTS}
    return {
        "name": spec.name,
        "kind": spec.kind,
        "source": spec.source,
        "digest": spec.digest,
        **facts,
        "endpoint": None if spec.endpoint is None else plain(spec.endpoint),
        "weights": _weights(spec),
        "sources": plain(spec.sources),
        "unchecked": sorted(spec.unchecked),
    }


def _weights(spec: "ModelSpec") -> dict[str, Any]:
    from ragflow.embedding.weights import find_weights, how_to_get
    from ragflow.errors import NotFoundError

    if spec.endpoint is not None:
        return {"where": "remote", "path": spec.endpoint.url, "get": None}
    if spec.kind == "hashing":
        return {"where": "none", "path": None, "get": None}
    try:
        return {"where": "here", "path": str(find_weights(spec)), "get": None}
    except NotFoundError as error:
        return {"where": "missing", "path": None, "get": error.hint or how_to_get(spec)}
