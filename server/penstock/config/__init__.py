# SPDX-License-Identifier: Apache-2.0
"""The server's options: one model, read from a TOML file and from flags."""

from penstock.config.options import ServerOptions
from penstock.config.sources import read_options
from penstock.config.toml import options_as_toml
from penstock.config.triton_flags import without_triton_flags

__all__ = ["ServerOptions", "options_as_toml", "read_options", "without_triton_flags"]
