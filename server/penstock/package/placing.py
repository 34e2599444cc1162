# SPDX-License-Identifier: Apache-2.0
"""Packages as models of a repository: a folder of links that is the server's own.

    DIR/churn/1 -> /packages/churn-2026-11      as `penstock serve --package` was given it

A version that is a package has a configuration of its own, which wins over the model's; of the
model's, what is said of versions still counts. A version's files are checked against its manifest
each time before it is loaded.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from penstock.errors import OptionsError, RepositoryError, UnsignedError
from penstock.package.manifest import MANIFEST_FILE, is_package, read_manifest
from penstock.package.signing import is_signed
from penstock.package.verify import verify_package
from penstock.repository.config_file import WrittenConfig, read_config
from penstock.repository.layout import FoundModel
from penstock.repository.support import refuse_unsupported

__all__ = ["PACKAGE_VERSION", "link_packages", "named_packages", "version_config"]

log = logging.getLogger(__name__)

#: A package has no number before it is registered.
PACKAGE_VERSION = 1


def named_packages(folders: Sequence[str]) -> dict[str, Path]:
    """The packages in these folders by name. Only their manifests are read.

    Raises:
        PackageError: one is no package.
        OptionsError: two have one name.
    """
    found: dict[str, Path] = {}
    for given in folders:
        folder = Path(given).expanduser()
        name = read_manifest(folder).name
        if name in found:
            raise OptionsError(
                f"--package is given twice for the model {name!r}: {found[name]} and {folder}. "
                "Serve one, or put them into a model repository as versions."
            )
        found[name] = folder
    return found


def link_packages(packages: Mapping[str, Path], repository: Path) -> None:
    """Make `repository`, which is empty, one of these packages. Raises RepositoryError."""
    try:
        for name, folder in packages.items():
            (repository / name).mkdir()
            (repository / name / str(PACKAGE_VERSION)).symlink_to(folder.resolve())
    except OSError as error:
        raise RepositoryError(
            f"{repository} cannot be written: {error.strerror or error}."
        ) from None


def version_config(
    model: FoundModel,
    version: int,
    *,
    public_keys: Sequence[Path] = (),
    requires_signature: bool = True,
) -> WrittenConfig | None:
    """The own configuration of a version that is a package, whose files were checked just now; None
    for one that is no package.

    `public_keys`: PEM files; then every version must be a package that is signed with a key that
    belongs to one of them. Unless that `requires_signature`, one without a signature is only told
    of.

    Raises:
        UnsignedError: it is not signed as it must be.
        PackageError: the package is not what it should be.
        RepositoryError: its configuration is wrong.
    """
    folder = model.version_folder(version)
    if not is_package(folder):
        if public_keys and requires_signature:
            raise UnsignedError(
                f"Version {version} has no {MANIFEST_FILE}, and signatures are required: wanted a "
                "signed package."
            )
        if public_keys:
            _tell_unsigned(model, version)
        return None
    if public_keys and not requires_signature and not is_signed(folder):
        _tell_unsigned(model, version)
    verify_package(folder, public_keys=public_keys, requires_signature=requires_signature)
    written = read_config(FoundModel(name=model.name, folder=folder, versions=()))
    refuse_unsupported(written.config)
    return replace(written, folder=folder)


def _tell_unsigned(model: FoundModel, version: int) -> None:
    log.warning("model_version_unsigned", extra={"model": model.name, "version": version})
