# SPDX-License-Identifier: Apache-2.0
"""Writes what Python needs of the wire contracts into client/penstock_client/_proto.

    python proto/generate.py           writes the files
    python proto/generate.py --check   writes nothing; exit status 1 and a list when one is stale

For each X.proto there are two files: X_pb2.py with a class per message, and X_pb2.pyi for type
checkers. descriptors.py holds the compiled contracts of all of them. The classes come from a
descriptor pool of their own (see pool.py), so that other libraries' classes of the same full names
can live in the same process; that is why protoc's usual Python output is not used.

Needs grpcio-tools, which only developers install.
"""

from __future__ import annotations

import argparse
import base64
import re
import sys
import tempfile
import textwrap
from pathlib import Path

import grpc_tools
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

PROTO_DIR = Path(__file__).resolve().parent
OUTPUT_DIR = PROTO_DIR.parent / "client" / "penstock_client" / "_proto"
PACKAGE = "penstock_client._proto"
BANNER = """\
# SPDX-License-Identifier: Apache-2.0
# Written by proto/generate.py: change the .proto, not this file.
# fmt: off
# ruff: noqa
"""


def generated_files() -> dict[str, str]:
    """Gives the text of every generated file by its name in OUTPUT_DIR."""
    names = sorted(path.name for path in PROTO_DIR.glob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder) / "contracts.binpb"
        status = protoc.main(
            [
                "protoc",
                f"--proto_path={PROTO_DIR}",
                f"--proto_path={Path(grpc_tools.__file__).parent / '_proto'}",
                f"--descriptor_set_out={compiled}",
                f"--pyi_out={folder}",
                *names,
            ]
        )
        if status != 0:
            raise SystemExit(status)
        contracts = FileDescriptorSet.FromString(compiled.read_bytes())
        stubs = {name: (Path(folder) / _module_file(name, "pyi")).read_text() for name in names}
    by_name = {file.name: file for file in contracts.file}
    # A file stands after those it imports, whatever order protoc was given.
    ordered = FileDescriptorSet(file=[by_name[name] for name in _imports_first(by_name)])
    files = {"descriptors.py": _descriptors_module(ordered)}
    for name in names:
        files[_module_file(name, "py")] = _classes_module(by_name[name])
        files[_module_file(name, "pyi")] = _stub(stubs[name])
    return files


def _module_file(proto_name: str, suffix: str) -> str:
    return f"{proto_name.removesuffix('.proto')}_pb2.{suffix}"


def _imports_first(by_name: dict[str, FileDescriptorProto]) -> list[str]:
    order: list[str] = []

    def visit(name: str) -> None:
        if name not in order:
            for imported in by_name[name].dependency:
                visit(imported)
            order.append(name)

    for name in sorted(by_name):
        visit(name)
    return order


def _descriptors_module(contracts: FileDescriptorSet) -> str:
    encoded = base64.b64encode(contracts.SerializeToString(deterministic=True)).decode()
    lines = "\n".join(textwrap.wrap(encoded, 96))
    return (
        f'{BANNER}"""The compiled contracts: a serialized FileDescriptorSet, imports first."""\n\n'
        f'import base64\n\nFILE_DESCRIPTOR_SET = base64.b64decode(\n    """\n{lines}\n"""\n)\n'
    )


def _classes_module(file: FileDescriptorProto) -> str:
    names = {"DESCRIPTOR": f'POOL.FindFileByName("{file.name}")'}
    for enum in file.enum_type:
        names[enum.name] = f'enum_type("{file.package}.{enum.name}")'
        names.update((value.name, str(value.number)) for value in enum.value)
    for message in file.message_type:
        names[message.name] = f'message_type("{file.package}.{message.name}")'
    imported = ["POOL", *(["enum_type"] if file.enum_type else []), "message_type"]
    body = "\n".join(f"{name} = {value}" for name, value in names.items())
    return (
        f'{BANNER}"""The classes of {file.name}."""\n\n'
        f"from {PACKAGE}.pool import {', '.join(imported)}\n\n{body}\n"
    )


def _stub(text: str) -> str:
    """Fits protoc's stub to our place: absolute imports, and no lint of what nobody wrote."""
    text = re.sub(r"^import (\w+_pb2) as ", rf"from {PACKAGE} import \1 as ", text, flags=re.M)
    # protoc leaves out the arguments of Mapping, and the type of **kwargs, which stands for fields
    # that are named like Python's keywords.
    return f'{BANNER}# mypy: disable-error-code="type-arg, no-untyped-def"\n{text}'


def main() -> int:
    """Writes or checks the files; returns the exit status."""
    parser = argparse.ArgumentParser(description="Writes the Python side of the wire contracts.")
    parser.add_argument("--check", action="store_true", help="only say whether they are fresh")
    arguments = parser.parse_args()
    files = generated_files()
    written = {path.name for path in OUTPUT_DIR.glob("*_pb2.py*")} | {"descriptors.py"}
    stale = sorted(
        name
        for name in written | files.keys()
        if not (OUTPUT_DIR / name).is_file() or (OUTPUT_DIR / name).read_text() != files.get(name)
    )
    if arguments.check:
        for name in stale:
            print(f"{OUTPUT_DIR / name} is stale: run python proto/generate.py", file=sys.stderr)
        return 1 if stale else 0
    OUTPUT_DIR.mkdir(exist_ok=True)
    for name in stale:
        if name in files:
            (OUTPUT_DIR / name).write_text(files[name])
        else:
            (OUTPUT_DIR / name).unlink()
    print(f"{len(files)} files in {OUTPUT_DIR}, {len(stale)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
