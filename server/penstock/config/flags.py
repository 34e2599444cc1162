# SPDX-License-Identifier: Apache-2.0
"""A Typer parameter for every option, made from the one list in `options`."""

import inspect
import itertools
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from typer.core import TyperCommand

from penstock.config.options import ServerOptions
from penstock.config.sources import flag_name
from penstock.config.triton_flags import TRITON_FLAGS, TritonFlag

__all__ = ["OptionCommand", "with_option_flags"]

#: Options of these types may be given several times.
REPEATABLE = (list, dict)

#: Further names of a flag.
ALIASES = {"model_repository": ("--model-store",)}

#: Flags that may stand without a value, as Triton's do, and may have one, as all others do.
SWITCHES = frozenset({"--disable-auto-complete-config", "--require-signed"})
TRUTHS = frozenset({"true", "false", "1", "0", "on", "off", "yes", "no"})

#: Beginnings of names -> the panel of --help; the first that fits, else PANEL.
PANELS = {
    "allow_grpc": "gRPC",
    "allow_http": "REST",
    "allow_metrics": "Metrics",
    "reuse_grpc": "gRPC",
    "reuse_http": "REST",
    "repository": "Models",
    "load_model": "Models",
    "disable_auto": "Models",
    "model": "Models",
    "package": "Models",
    "require": "Models",
    "backend": "Models",
    "allow_model": "Models",
    "exit_on": "Models",
    "strict": "Models",
    "grpc": "gRPC",
    "connections": "gRPC",
    "message": "gRPC",
    "inflight": "gRPC",
    "allow_client_shm": "Shared memory",
    "client_shm": "Shared memory",
    "http": "REST",
    "allow_cpu_metrics": "Metrics",
    "allow_gpu_metrics": "Metrics",
    "metrics": "Metrics",
    "drain": "End of life",
    "exit_timeout": "End of life",
    "log": "Logs",
}
PANEL = "Server"


class OptionCommand(TyperCommand):
    """A command whose switches may stand without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads `args`, with a value given to each switch that has none."""
        return super().parse_args(ctx, _with_values(args))


def _with_values(arguments: list[str]) -> list[str]:
    return [
        f"{one}=true" if one in SWITCHES and after.lower() not in TRUTHS else one
        for one, after in itertools.pairwise([*arguments, ""])
    ]


def with_option_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Gives `command` a flag for every option instead of its `**flags`.

    The command receives those that were given, as text, by the option's name: their types and
    bounds are checked in one place, `read_options`, in the same words for a file and for a flag.
    """
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(command).parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    made = [_parameter(name, field) for name, field in ServerOptions.model_fields.items()]
    made += [_triton_parameter(flag) for flag in TRITON_FLAGS.values()]

    def run(**arguments: Any) -> None:
        given = {p.name: arguments.pop(p.name) for p in own}
        command(**given, **{name: text for name, text in arguments.items() if text})

    run.__doc__ = command.__doc__
    run.__name__ = command.__name__
    run.__signature__ = inspect.Signature([*made, *own])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in [*made, *own]}
    return run


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    kind = list[str] | None if get_origin(field.annotation) in REPEATABLE else str | None
    option = typer.Option(
        flag_name(name),
        *ALIASES.get(name, ()),
        help=f"{field.description}{_default(field)}",
        metavar=_metavar(name, field),
        show_default=False,
        rich_help_panel=next(
            (panel for start, panel in PANELS.items() if name.startswith(start)), PANEL
        ),
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option]
    )


def _triton_parameter(flag: TritonFlag) -> inspect.Parameter:
    # Hidden: a list of what has no effect is for docs/triton.md.
    option = typer.Option(flag.flag, help=flag.help, hidden=True)
    return inspect.Parameter(
        flag.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[list[str] | None, option],
    )


def _default(field: FieldInfo) -> str:
    default = field.get_default()
    if default in ([], {}, "", None) or field.default_factory is not None:
        return ""
    shown = str(default).lower() if isinstance(default, bool) else default
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    one_of = f" One of {', '.join(choices)}." if choices else ""
    return f"{one_of} Default {shown}."


def _metavar(name: str, field: FieldInfo) -> str:
    if name in ("model_repository", "package"):
        return "DIR"
    if name == "package_public_key":
        return "FILE"
    if name == "backend_config":
        return "TEXT"
    match field.annotation:
        case t if t in (bool, bool | None):
            return "BOOL"
        case t if t is int:
            return "N"
        case t if t is float:
            return "SECS"
    return "TEXT"
