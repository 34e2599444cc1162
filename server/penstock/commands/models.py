# SPDX-License-Identifier: Apache-2.0
"""`penstock models`: what a server says of its models."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from penstock_client import (
    Client,
    ModelMetadata,
    NotFound,
    Readiness,
    ServerMetadata,
    TensorMetadata,
    Unavailable,
)

__all__ = ["DescribedModel", "describe_models", "print_models"]

#: The properties that penstock.repository.compilation and quantization set.
COMPILATION = "compilation"
QUANTIZATION = "quantization"


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedModel:
    """A model as its server describes it; without metadata it cannot serve, for `reason`."""

    name: str
    is_ready: bool
    reason: str = ""
    metadata: ModelMetadata | None = None


def describe_models(client: Client, names: Sequence[str], timeout_s: float) -> list[DescribedModel]:
    """Asks about each of `names`."""
    return [_describe(client, name, timeout_s) for name in dict.fromkeys(names)]


def _describe(client: Client, name: str, timeout_s: float) -> DescribedModel:
    try:
        readiness: Readiness = client.model_ready(name, timeout=timeout_s)
        if not readiness:
            return DescribedModel(name=name, is_ready=False, reason=readiness.reason)
        metadata = client.model_metadata(name, timeout=timeout_s)
    except NotFound as error:
        return DescribedModel(name=name, is_ready=False, reason=error.why)
    except Unavailable as error:
        if not error.attempts or (error.endpoint and not client.server_live(timeout=timeout_s)):
            raise
        return DescribedModel(name=name, is_ready=False, reason=error.why)
    return DescribedModel(name=name, is_ready=True, metadata=metadata)


def print_models(
    console: Console, url: str, server: ServerMetadata, models: Sequence[DescribedModel]
) -> None:
    """Prints the server, and a row for each model."""
    console.print(f"{server.name} {server.version} at {url}", highlight=False)
    if not models:
        console.print("Name models, or give --model-repository DIR, to see more.", style="dim")
        return
    table = Table("Model", "Version", "State", "Platform", "Inputs", "Outputs")
    for model in models:
        metadata = model.metadata
        if metadata is None:
            table.add_row(model.name, "", Text("not ready", style="red"))
        else:
            table.add_row(
                model.name,
                ", ".join(metadata.versions),
                Text("ready", style="green"),
                metadata.platform,
                _tensors(metadata.inputs),
                _tensors(metadata.outputs),
            )
    console.print(table)
    for model in models:
        properties = {} if model.metadata is None else model.metadata.properties
        for name in (COMPILATION, QUANTIZATION):
            if line := properties.get(name):
                console.print(Text(f"{model.name}: {line}"), soft_wrap=True)
    for model in models:
        if not model.is_ready:
            console.print(f"[red]{model.name}:[/]", Text(model.reason), soft_wrap=True)


def _tensors(tensors: Sequence[TensorMetadata]) -> Text:
    return Text("\n".join(f"{t.name}: {t.datatype}{list(t.shape)}" for t in tensors))
