# SPDX-License-Identifier: Apache-2.0
"""`penstock rollout`: its verbs. Cheap to import: what they need, they import."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from penstock.commands.options import LOCAL, AsJson, Timeout, Url
from penstock.commands.sentences import Debug, sentences

if TYPE_CHECKING:
    from penstock_client import Client, RolloutStatus

__all__ = ["rollout_app"]

#: By the state that was found at last; 0 for all others.
EXIT_STATUSES = {"rolled_back": 1, "held": 3}
#: And where it could not be asked, or was refused.
FAILED = 4
EXIT_HELP = (
    "Exit status: 0 done, live, or going on; 1 rolled back; 2 wrong usage; 3 held, until a person "
    "decides; 4 it could not be asked or was refused, and a sentence says why."
)

rollout_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Move a model's new version from shadow through canary steps to live.",
    epilog=EXIT_HELP,
)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="The name that clients ask for.")]
Rollout = Annotated[
    str, typer.Option("--rollout", metavar="ID", help="An earlier one; none: the last.")
]
Meant = Annotated[
    str, typer.Option("--rollout", metavar="ID", help="Refuse unless this is the present one.")
]


@rollout_app.command(epilog=EXIT_HELP)
def start(
    model: Model,
    version: Annotated[
        int, typer.Option("--version", min=1, metavar="N", help="The version to roll out.")
    ],
    spec: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A rollout.toml; none: the one next to the model, else the defaults.",
        ),
    ] = None,
    stable: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="The version to compare with; none: the served one."),
    ] = None,
    allow_signature_change: Annotated[
        bool, typer.Option("--allow-signature-change", help="Its tensors may be other ones.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow it until it is live, rolled back or held.")
    ] = False,
    url: Url = LOCAL,
    timeout: Timeout = 60.0,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Begin to roll out a version. Answers once the first state is reached."""
    with _client(url, debug) as client:
        from penstock.commands.rollout.verbs import start_rollout

        def begin(text: str | None) -> "RolloutStatus":
            return client.rollouts.start(
                model,
                version,
                spec=text,
                stable=stable,
                allows_signature_change=allow_signature_change,
                timeout=timeout,
            )

        status = start_rollout(Console(), client, begin, spec, waits=wait, as_json=as_json)
    _exit(status)


@rollout_app.command(epilog=EXIT_HELP)
def status(
    model: Annotated[
        str, typer.Argument(metavar="[MODEL]", help="Of this model; none: list all rollouts.")
    ] = "",
    rollout: Rollout = "",
    watch: Annotated[
        bool, typer.Option("--watch", help="Follow it until it is live or rolled back.")
    ] = False,
    all_: Annotated[
        bool, typer.Option("--all", help="In the list, those that have ended too.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Rollouts in the list.")] = 100,
    url: Url = LOCAL,
    timeout: Timeout = 10.0,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show how a rollout stands: its steps, evidence and limits, and what it waits for."""
    with _client(url, debug) as client:
        from penstock.commands.rollout.verbs import list_rollouts, show_rollout

        if not model:
            if rollout or watch:
                raise typer.BadParameter("--rollout and --watch want a MODEL.")
            list_rollouts(
                Console(),
                client,
                ongoing_only=not all_,
                limit=limit,
                timeout=timeout,
                as_json=as_json,
            )
            return
        found = show_rollout(
            Console(), client, model, rollout, timeout=timeout, watches=watch, as_json=as_json
        )
    _exit(found)


@rollout_app.command()
def promote(
    model: Model,
    rollout: Meant = "",
    url: Url = LOCAL,
    timeout: Timeout = 60.0,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Make the candidate live now, whatever was shown; also one that is held."""
    with _client(url, debug) as client:
        from penstock.commands.rollout.verbs import tell_moved

        moved = client.rollouts.promote(model, rollout, timeout=timeout)
        tell_moved(Console(), moved, "is live", as_json=as_json)


@rollout_app.command()
def pause(
    model: Model,
    rollout: Meant = "",
    url: Url = LOCAL,
    timeout: Timeout = 60.0,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Stay at the present share. What speaks against the candidate still rolls it back."""
    with _client(url, debug) as client:
        from penstock.commands.rollout.verbs import tell_moved

        moved = client.rollouts.pause(model, rollout, timeout=timeout)
        tell_moved(Console(), moved, "stays where it is", as_json=as_json)


@rollout_app.command()
def resume(
    model: Model,
    rollout: Meant = "",
    url: Url = LOCAL,
    timeout: Timeout = 60.0,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Go on with a rollout that is paused."""
    with _client(url, debug) as client:
        from penstock.commands.rollout.verbs import tell_moved

        moved = client.rollouts.resume(model, rollout, timeout=timeout)
        tell_moved(Console(), moved, "goes on", as_json=as_json)


@rollout_app.command()
def rollback(
    model: Model,
    reason: Annotated[str, typer.Option(help="A sentence for the log and the registry.")] = "",
    rollout: Meant = "",
    url: Url = LOCAL,
    timeout: Timeout = 60.0,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Take the candidate out of traffic now."""
    with _client(url, debug) as client:
        from penstock.commands.rollout.verbs import tell_moved

        moved = client.rollouts.roll_back(model, rollout, reason=reason, timeout=timeout)
        tell_moved(Console(), moved, "gets no more requests", as_json=as_json)


@rollout_app.command(
    epilog="Exit status: 0 the two verdicts agree; 1 they do not; 4 they could not be had."
)
def explain(
    model: Model,
    rollout: Rollout = "",
    state_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Read a stopped server's state folder, and ask none."),
    ] = None,
    events: Annotated[
        int, typer.Option(min=0, help="Bad events to show, the last ones; JSON has up to 1000.")
    ] = 40,
    url: Url = LOCAL,
    timeout: Timeout = 60.0,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show the evidence event by event, and whether the verdict computed anew is the same."""
    with sentences(debug, status=FAILED):
        from penstock.commands.rollout.explanation import (
            agrees,
            explained_offline,
            print_explanation,
        )
        from penstock_client import Client

        if state_dir is not None:
            told = explained_offline(state_dir, model, rollout)
        else:
            with Client(url) as client:
                told = client.rollouts.explain(model, rollout, timeout=timeout)
        print_explanation(Console(), told, events_max=events, as_json=as_json)
    if not agrees(told):
        raise typer.Exit(1)


@rollout_app.command()
def examples(
    model: Model,
    rollout: Rollout = "",
    limit: Annotated[
        int, typer.Option(min=1, max=400, help="Examples to show, newest first.")
    ] = 20,
    url: Url = LOCAL,
    timeout: Timeout = 10.0,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show pairs of answers that disagreed, side by side: those that the shadow has kept."""
    with _client(url, debug) as client:
        from penstock.commands.rollout.verbs import show_examples

        show_examples(
            Console(), client, model, rollout, limit=limit, timeout=timeout, as_json=as_json
        )


@contextmanager
def _client(url: str, debug: bool) -> Iterator["Client"]:
    """A client of the server; what goes wrong is told, with exit status FAILED."""
    with sentences(debug, status=FAILED):
        from penstock_client import Client

        with Client(url) as client:
            yield client


def _exit(found: "RolloutStatus") -> None:
    """With what its state means."""
    if meant := EXIT_STATUSES.get(found.state, 0):
        raise typer.Exit(meant)
