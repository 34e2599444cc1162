# SPDX-License-Identifier: Apache-2.0
"""Who may include or import whom. The tables here are the law; ARCHITECTURE.md explains them."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Room of the core -> rooms it may include, besides itself and `base`, and what those may include.
MAY_INCLUDE: dict[str, set[str]] = {
    "base": set(),
    "telemetry": set(),
    "kernels": set(),
    "drift": set(),
    "judging": set(),
    "routing": set(),
    "cache": set(),
    "wire": set(),
    "http": set(),
    "http2": {"http"},
    "http1": {"http"},
    "model": {"kernels"},
    "batching": {"telemetry"},
    "memory": set(),
    "grpc": {"http2"},
    "rest": {"http1", "http2"},
    "net": {"http1", "http2"},
    "serving": {
        "batching", "cache", "drift", "grpc", "judging", "memory", "model", "rest", "routing",
        "telemetry", "wire",
    },
    "engine": {"net", "serving"},
    "bindings": {"drift", "engine", "judging", "kernels", "model", "routing"},
}  # fmt: skip

#: Header (as a pattern) -> the only files that may include it (as patterns below cpp/).
BELONGS_TO: dict[str, set[str]] = {
    r"boost/.*": {"http1/parser*"},
    r"nghttp2/.*": {"http2/nghttp2_setup.*", "http2/session*"},
    r"sys/epoll\.h": {"net/*"},
    r"openssl/.*": {"base/sha256.cc", "net/*"},
    r"xxhash\.h": {"drift/fingerprint.cc", "routing/assignment.cc"},
    r"(pybind11/.*|Python\.h)": {"bindings/*"},
    r"protozero/.*": {"wire/*", "model/artifact_manifest.cc"},
    r"re2/.*": {"base/name_pattern.cc"},
    r"simdjson\.h": {"wire/json*"},
    r"zlib\.h": {"base/crc32.cc", "base/deflate*"},
    r"(mutex|shared_mutex|condition_variable)": {"base/*", "telemetry/*"},
}

#: The only modules that import the native core.
CORE_IMPORTERS = {
    "penstock.drift.counting",
    "penstock.engine",
    "penstock.local_model",
    "penstock.model_spec",
    "penstock.native.model",
    "penstock.told_routes",
    "penstock.traffic",
    "penstock.traffic_counts",
}

#: Distribution -> the packages it stands for, where that is not just its own name.
IMPORTED_AS = {
    "grpcio": {"grpc"},
    "protobuf": {"google"},
    "pydantic": {"pydantic", "pydantic_core"},
    "pyyaml": {"yaml"},
    "scikit-learn": {"sklearn"},
    "xgboost-cpu": {"xgboost"},
}

#: Extras that serve the examples and the tests, never the packages themselves.
EXTRAS_OF_THE_CHECKOUT = {"demo", "dev"}


def reachable(room: str) -> set[str]:
    """`room` and every room that it may include, directly or through another."""
    found = {room, "base"}
    waiting = [room]
    while waiting:
        new = MAY_INCLUDE[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def core_includes() -> Iterator[tuple[Path, str, bool]]:
    """Each include of the core: file below cpp/, header, whether it stands in quotes."""
    pattern = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)
    for path in sorted((ROOT / "cpp").rglob("*")):
        if path.suffix in {".h", ".cc"}:
            for quote, header in pattern.findall(path.read_text()):
                yield path.relative_to(ROOT / "cpp"), header, quote == '"'


def test_every_room_of_the_core_stands_in_the_table() -> None:
    rooms = {path.parent.relative_to(ROOT / "cpp").parts[0] for path in ROOT.glob("cpp/*/**/*.cc")}
    assert rooms <= MAY_INCLUDE.keys()


def test_core_rooms_include_only_rooms_below_them() -> None:
    wrong = [
        f"cpp/{path} includes {header}"
        for path, header, is_quoted in core_includes()
        if is_quoted and header.partition("/")[0] not in reachable(path.parts[0])
    ]
    assert wrong == []


def test_quoted_includes_name_a_file_by_its_path_below_cpp() -> None:
    wrong = [
        f"cpp/{path} includes {header}"
        for path, header, is_quoted in core_includes()
        if is_quoted and not (ROOT / "cpp" / header).is_file()
    ]
    assert wrong == []


@pytest.mark.parametrize("headers", BELONGS_TO)
def test_a_library_is_included_only_by_the_room_that_wraps_it(headers: str) -> None:
    wrong = [
        f"cpp/{path} includes <{header}>"
        for path, header, is_quoted in core_includes()
        if not is_quoted
        and re.fullmatch(headers, header)
        and not any(path.match(place) for place in BELONGS_TO[headers])
    ]
    assert wrong == []


def modules(source_root: str) -> Iterator[tuple[str, Path]]:
    """Each Python module below a source root: dotted name, file."""
    for path in sorted((ROOT / source_root).glob("penstock*/**/*.py")):
        parts = path.relative_to(ROOT / source_root).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports_of(module: str, path: Path) -> set[str]:
    """Every module that `path` imports, wherever in the file, by its absolute dotted name.

    `from a import b` gives both `a` and `a.b`, for `b` may be a module.
    """
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return found


def importers(source_root: str, imported: str) -> list[str]:
    """Modules below `source_root` that import the package `imported` or a module of it."""
    return [
        module
        for module, path in modules(source_root)
        if any(f"{name}.".startswith(f"{imported}.") for name in imports_of(module, path))
    ]


@pytest.mark.parametrize("other", ["penstock", "penstock_training", "penstock_monitoring"])
def test_the_client_imports_nothing_of_the_house(other: str) -> None:
    assert importers("client", other) == []


@pytest.mark.parametrize("other", ["penstock_training", "penstock_monitoring"])
def test_the_server_imports_neither_training_nor_monitoring(other: str) -> None:
    assert importers("server", other) == []


def test_only_engine_and_native_import_the_core() -> None:
    assert set(importers("server", "penstock._core")) <= CORE_IMPORTERS


@pytest.mark.parametrize(
    ("source_root", "project"), [("client", "client/pyproject.toml"), ("server", "pyproject.toml")]
)
def test_packages_import_only_libraries_their_distribution_requires(
    source_root: str, project: str
) -> None:
    described = tomllib.loads((ROOT / project).read_text())["project"]
    lines = list(described["dependencies"])
    for extra, more in described.get("optional-dependencies", {}).items():
        lines += more if extra not in EXTRAS_OF_THE_CHECKOUT else []
    required = {re.split(r"[<>=\[;! ]", line)[0] for line in lines}
    known = set().union(*(IMPORTED_AS.get(name, {name.replace("-", "_")}) for name in required))
    known |= sys.stdlib_module_names | {
        path.parent.name for path in ROOT.glob("*/penstock*/__init__.py")
    }
    wrong = {
        f"{module} imports {name}"
        for module, path in modules(source_root)
        for name in imports_of(module, path)
        if name.partition(".")[0] not in known
    }
    assert wrong == set()
