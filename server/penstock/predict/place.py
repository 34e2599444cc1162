# SPDX-License-Identifier: Apache-2.0
"""Which model is meant by what a command was given.

PACKAGE             the folder of a packaged version
MODEL, MODEL/3      the folder of a model in a repository; the version its policy serves, or 3
FILE                .onnx, .pnst, or what `penstock compile` reads
models:/NAME@ALIAS, models:/NAME/3, models:/NAME       a version of a registry; its latest
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from penstock.errors import PredictError, RepositoryError, UnsignedError
from penstock.package.manifest import is_package, read_manifest
from penstock.package.placing import PACKAGE_VERSION, link_packages, version_config
from penstock.package.signature import SIGNATURE_FILE, ModelSignature, read_signature
from penstock.package.smoke_plan import smoke_plan
from penstock.repository.config_file import WrittenConfig, parse_config, read_config
from penstock.repository.layout import FoundModel, version_numbers
from penstock.repository.plan import SmokePlan
from penstock.repository.support import refuse_unsupported
from penstock.repository.versions import wanted_versions

__all__ = ["ModelPlace", "RegistryName", "found_model", "registry_name"]

_REGISTRY = re.compile(r"models:/+([^/@]+)(?:@([^/@]+)|/([^/@]+))?")
#: Backend by a file's ending: what the compiler reads is compiled, as a server does it.
FILE_BACKENDS = {
    ".onnx": "onnxruntime",
    ".pnst": "native",
    ".txt": "native",
    ".json": "native",
    ".ubj": "native",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryName:
    """A version of a registry's: by number or alias; "": the latest."""

    name: str
    which: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlace:
    """A version that was found. `signature` and `smoke` are a package's; `digest` its files'."""

    name: str
    version: int
    model: FoundModel
    written: WrittenConfig
    digest: str
    signature: ModelSignature | None = None
    smoke: SmokePlan | None = None
    #: A model that is a file alone, and its backend.
    file: Path | None = None
    file_backend: str = ""


def registry_name(given: str) -> RegistryName | None:
    """What a `models:/` URI names; None: it is none. Raises PredictError for a broken one. Pure."""
    if not given.startswith("models:"):
        return None
    found = _REGISTRY.fullmatch(given)
    if found is None:
        raise PredictError(
            f"{given!r} names no version: wanted models:/NAME@ALIAS or models:/NAME/3."
        )
    return RegistryName(name=found[1], which=found[2] or found[3] or "")


@contextmanager
def found_model(path: Path, *, public_keys: Sequence[Path] = ()) -> Iterator[ModelPlace]:
    """The version at `path`, whose files were checked; to be loaded while the block lasts.

    `public_keys`: PEM files; then it must be a package that is signed with a key that belongs to
    one of them.

    Raises:
        PredictError: there is no model.
        PackageError: the package is not what it should be.
        RepositoryError: the configuration is wrong.
    """
    if path.is_file():
        yield _file(path, public_keys)
        return
    is_version = path.name.isdigit() and version_numbers(path.parent) and not version_numbers(path)
    if not path.is_dir() and not is_version:
        raise PredictError(
            f"There is no model {path}: wanted a package, a model's folder, a file, or "
            "models:/NAME@ALIAS."
        )
    if is_package(path):
        with TemporaryDirectory(prefix="penstock-predict-") as folder:
            name = read_manifest(path).name
            link_packages({name: path}, Path(folder))
            model = FoundModel(name=name, folder=Path(folder) / name, versions=(PACKAGE_VERSION,))
            yield _version(model, PACKAGE_VERSION, public_keys)
        return
    path = path.resolve()
    if is_version:
        model = FoundModel(
            name=path.parent.name, folder=path.parent, versions=version_numbers(path.parent)
        )
        yield _version(model, int(path.name), public_keys)
        return
    model = FoundModel(name=path.name, folder=path, versions=version_numbers(path))
    if not model.versions:
        raise PredictError(
            f"{path} is no model: wanted a package, whose folder has penstock-manifest.json, or a "
            "model's folder, which has one named by a whole number for each version."
        )
    policy = read_config(model).config.version_policy
    yield _version(model, wanted_versions(model.versions, policy)[-1], public_keys)


def _version(model: FoundModel, version: int, public_keys: Sequence[Path]) -> ModelPlace:
    if version not in model.versions:
        known = ", ".join(map(str, model.versions)) or "none"
        raise RepositoryError(f"{model.folder} has no version {version}: versions: {known}.")
    written = version_config(model, version, public_keys=public_keys)
    if written is None:
        written = read_config(model)
        refuse_unsupported(written.config)
    folder = model.version_folder(version)
    has_package = is_package(folder)
    return ModelPlace(
        name=model.name,
        version=version,
        model=model,
        written=written,
        digest=read_manifest(folder).digest if has_package else _digest_of(model, version),
        signature=read_signature(folder / SIGNATURE_FILE) if has_package else None,
        smoke=smoke_plan(folder) if has_package else None,
    )


def _digest_of(model: FoundModel, version: int) -> str:
    """Of the configuration and of all files of the version."""
    found = hashlib.sha256()
    paths = [model.config_path] if model.config_path else []
    paths += sorted(one for one in model.version_folder(version).rglob("*") if one.is_file())
    for path in paths:
        _add(found, path)
    return found.hexdigest()


def _add(found: "hashlib._Hash", path: Path) -> None:
    try:
        with path.open("rb") as file:
            found.update(path.name.encode(errors="surrogateescape"))
            found.update(hashlib.file_digest(file, "sha256").digest())
    except OSError as error:
        raise PredictError(f"{path} cannot be read: {error.strerror or error}.") from None


def _file(path: Path, public_keys: Sequence[Path]) -> ModelPlace:
    if public_keys:
        raise UnsignedError(f"{path} is a file, which nobody has signed: wanted a package.")
    backend = FILE_BACKENDS.get(path.suffix)
    if backend is None:
        raise PredictError(f"{path} is no model: wanted one of {', '.join(FILE_BACKENDS)}.")
    found = hashlib.sha256()
    _add(found, path)
    return ModelPlace(
        name=path.stem,
        version=1,
        model=FoundModel(name=path.stem, folder=path.parent, versions=()),
        written=replace(parse_config(""), folder=path.parent),
        digest=found.hexdigest(),
        file=path.absolute(),
        file_backend=backend,
    )
