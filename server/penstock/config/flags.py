# SPDX-License-Identifier: Apache-2.0
"""A Typer parameter for every option, made from the one list in `options`."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from penstock.config.options import ServerOptions
from penstock.config.sources import flag_name

__all__ = ["with_option_flags"]

#: Options of these types may be given several times.
REPEATABLE = (list, dict)

PANELS = {
    "model": "Models",
    "backend": "Models",
    "exit_on": "Models",
    "strict": "Models",
    "grpc": "gRPC",
    "reuse": "gRPC",
    "connections": "gRPC",
    "message": "gRPC",
    "inflight": "gRPC",
    "allow_client_shm": "Shared memory",
    "client_shm": "Shared memory",
    "http": "Metrics and REST",
    "allow_metrics": "Metrics and REST",
    "metrics": "Metrics and REST",
    "drain": "End of life",
    "exit_timeout": "End of life",
    "log": "Logs",
}


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
        help=f"{field.description}{_default(field)}",
        metavar=_metavar(name, field),
        show_default=False,
        rich_help_panel=next(panel for start, panel in PANELS.items() if name.startswith(start)),
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option]
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
    if name == "model_repository":
        return "DIR"
    if name == "backend_config":
        return "TEXT"
    match field.annotation:
        case t if t is bool:
            return "BOOL"
        case t if t is int:
            return "N"
        case t if t is float:
            return "SECS"
    return "TEXT"
