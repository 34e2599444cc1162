# SPDX-License-Identifier: Apache-2.0
"""What grpcio-tools generates from a .proto, as a user would have it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import grpc_tools.protoc


def generate(proto: Path, folder: Path) -> Path:
    """Writes the classes and stubs of `proto` into `folder`, and returns that."""
    outputs = [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    assert grpc_tools.protoc.main(["protoc", f"-I{proto.parent}", *outputs, proto.name]) == 0
    return folder


def generated_module(folder: Path, name: str) -> Any:
    """A generated module, which finds the others of its folder."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return importlib.import_module(name)
