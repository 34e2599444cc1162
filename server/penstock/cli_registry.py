# SPDX-License-Identifier: Apache-2.0
"""`penstock registry`: its verbs. Cheap to import: what they need, they import."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from penstock.commands.options import AsJson
from penstock.commands.sentences import Debug, sentences

__all__ = ["registry_app"]

registry_app = typer.Typer(
    no_args_is_help=True, help="Look into the registry of versions, and move aliases."
)

RegistryUri = Annotated[
    str,
    typer.Option(
        "--registry",
        envvar="MLFLOW_TRACKING_URI",
        metavar="URI",
        help="sqlite:///FILE, or an MLflow server.",
    ),
]
LOCAL_REGISTRY = "sqlite:///mlflow.db"
Model = Annotated[str, typer.Argument(metavar="NAME", help="A registered model.")]
WithArchived = Annotated[bool, typer.Option("--all", help="Show archived versions too.")]
Which = Annotated[
    str, typer.Option("--version", help="A version's number, or its alias; none: the latest.")
]
One = Annotated[str, typer.Argument(metavar="A", help="A version's number, or its alias.")]
Other = Annotated[str, typer.Argument(metavar="B", help="A version's number, or its alias.")]


class Alias(StrEnum):
    """What a version can be promoted to."""

    CHAMPION = "champion"
    STAGING = "staging"
    CANDIDATE = "candidate"


@registry_app.command("list")
def list_(
    model: Annotated[
        str, typer.Argument(metavar="[NAME]", help="List the versions of this model.")
    ] = "",
    registry: RegistryUri = LOCAL_REGISTRY,
    with_archived: WithArchived = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """List the models that have a registered version, or the versions of one."""
    with sentences(debug):
        from penstock.commands.registry.listing import list_models, list_versions

        if model:
            list_versions(Console(), registry, model, with_archived, as_json)
        else:
            list_models(Console(), registry, with_archived, as_json)


@registry_app.command()
def show(
    model: Model,
    version: Which = "",
    registry: RegistryUri = LOCAL_REGISTRY,
    with_archived: WithArchived = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show a registered version of a model."""
    with sentences(debug):
        from penstock.commands.registry.listing import show_version

        show_version(Console(), registry, model, version, with_archived, as_json)


@registry_app.command()
def promote(
    model: Model,
    version: Annotated[
        str, typer.Option("--version", metavar="N|ALIAS", help="The version to promote.")
    ] = "candidate",
    to: Annotated[Alias, typer.Option(help="The alias that it gets.")] = Alias.CHAMPION,
    expect: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Refuse unless the alias names N; 0: nothing."),
    ] = None,
    allow_signature_change: Annotated[
        bool, typer.Option("--allow-signature-change", help="Its tensors may be other ones.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also a version that was refused or rolled back.")
    ] = False,
    registry: RegistryUri = LOCAL_REGISTRY,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Move an alias to a version, at once or by starting the model's rollout; says which it did."""
    with sentences(debug):
        from penstock.commands.registry.changes import promote_version
        from penstock.registry.promotion import PromotionWish

        wish = PromotionWish(
            name=model,
            which=version,
            to=to.value,
            expect=expect,
            allows_signature_change=allow_signature_change,
            is_forced=force,
        )
        promote_version(Console(), registry, wish, as_json)


@registry_app.command()
def policy(
    model: Model,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Candidates go by this rollout.toml."),
    ] = None,
    default: Annotated[
        bool, typer.Option("--default", help="Candidates go by the defaults of rollout.toml.")
    ] = False,
    clear: Annotated[
        bool, typer.Option("--clear", help="Promotions move the champion at once again.")
    ] = False,
    registry: RegistryUri = LOCAL_REGISTRY,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Say by which rollout candidates of a model become its champion; without options, show it."""
    with sentences(debug):
        from penstock.commands.registry.policy import set_model_policy, show_policy, wanted_policy

        text = wanted_policy(file, is_default=default, is_cleared=clear)
        if text is None:
            show_policy(Console(), registry, model, as_json)
        else:
            set_model_policy(Console(), registry, model, text, as_json)


@registry_app.command()
def archive(
    model: Model,
    version: Annotated[str, typer.Option("--version", metavar="N", help="The version's number.")],
    undo: Annotated[bool, typer.Option("--undo", help="Bring it back.")] = False,
    registry: RegistryUri = LOCAL_REGISTRY,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Put a version away, so that it is shown and promoted no more. Its files stay."""
    with sentences(debug):
        from penstock.commands.registry.changes import archive_version

        archive_version(Console(), registry, model, version, undo, as_json)


@registry_app.command()
def compare(
    model: Model,
    a: One,
    b: Other,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it, as .png or .svg.")
    ] = None,
    registry: RegistryUri = LOCAL_REGISTRY,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Compare two versions: metrics with their intervals, size, latency, data, parameters."""
    with sentences(debug):
        from penstock.commands.registry.comparison import compare_two

        compare_two(Console(), registry, model, a, b, picture, as_json)


@registry_app.command()
def diff(
    model: Model,
    a: One,
    b: Other,
    registry: RegistryUri = LOCAL_REGISTRY,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Tell what differs from A in B: spec, signature, configuration, columns, libraries."""
    with sentences(debug):
        from penstock.commands.registry.difference import diff_two

        diff_two(Console(), registry, model, a, b, as_json)


@registry_app.command()
def lineage(
    model: Model,
    version: Which = "",
    registry: RegistryUri = LOCAL_REGISTRY,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show where a version comes from: run, spec, data, code, seed, and its parents."""
    with sentences(debug):
        from penstock.commands.registry.lineage import show_lineage

        show_lineage(Console(), registry, model, version, as_json)
