# SPDX-License-Identifier: Apache-2.0
"""Options that several commands have. Cheap to import."""

from typing import Annotated

import typer

__all__ = ["LOCAL", "AsJson", "Timeout", "Url"]

#: Where a server of this machine is, unless it was told otherwise.
LOCAL = "localhost:8001"

Url = Annotated[str, typer.Option("--url", "-u", metavar="HOST:PORT", help="The server's gRPC.")]
Timeout = Annotated[float, typer.Option(help="Seconds to wait for an answer.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
