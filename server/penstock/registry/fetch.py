# SPDX-License-Identifier: Apache-2.0
"""A registered version as a package on this machine, fetched by a process of its own.

MLflow takes seconds to import and hundreds of MiB, which whoever wants the package need not have:

    python -m penstock.registry.fetch URI FOLDER NAME VERSION CACHE

prints the package's folder. Packages lie in the cache by their digests, each put there whole by one
rename, and are checked against their manifests whenever they are found there.
"""

import os
import subprocess
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

from penstock.errors import PackageError, PenstockError, RegistryError
from penstock.package.manifest import is_package
from penstock.package.verify import verify_package
from penstock.registry.place import RegistryPlace, check_reachable, registry_place

__all__ = ["fetch_here", "fetch_package", "package_cache"]

#: Whatever a storage says, a fetch ends.
FETCH_SECONDS_MAX = 3600


def package_cache() -> Path:
    """Where fetched packages lie; what is there may be removed at any time."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "penstock" / "packages"


def fetch_package(place: RegistryPlace, name: str, which: str = "") -> Path:
    """The package of a version: by its number, its alias, or the latest.

    Raises:
        RegistryError: the registry cannot be used, lacks it, or it is no package of Penstock.
        PackageError: what was fetched is not what its manifest says.
    """
    check_reachable(place, creates=False)
    command = [sys.executable, "-m", __name__, place.uri, str(Path.cwd()), name, which]
    try:
        run = subprocess.run(
            [*command, str(package_cache())],
            capture_output=True,
            text=True,
            timeout=FETCH_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RegistryError(
            f"{name} was not fetched within {FETCH_SECONDS_MAX} s: try again later."
        ) from None
    if run.returncode:
        lines = run.stderr.strip().splitlines()
        raise RegistryError(lines[-1] if lines else f"{name} cannot be fetched: no reason is told.")
    return Path(run.stdout.strip().splitlines()[-1])


def fetch_here(place: RegistryPlace, name: str, which: str, cache: Path) -> Path:
    """As fetch_package(), in this process, which imports MLflow."""
    from penstock.registry.registry import Registry

    registry = Registry(place)
    entry = registry.version(name, which)
    kept = cache / entry.digest
    if entry.digest and is_package(kept):
        try:
            verify_package(kept)
        except PackageError:
            pass  # damaged here: fetched again
        else:
            return kept
    import mlflow
    from mlflow import artifacts

    mlflow.set_tracking_uri(place.uri)
    mlflow.set_registry_uri(place.uri)
    cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".fetching-", dir=cache) as partial:
        source = registry.asked(
            registry.client.get_model_version_download_uri, name, str(entry.version)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of MLflow, to itself and its libraries
            found = registry.asked(
                artifacts.download_artifacts, artifact_uri=source, dst_path=partial
            )
        if not is_package(Path(found)):
            raise RegistryError(
                f"Version {entry.version} of {name} is no package of Penstock: wanted one that "
                "`penstock train` has registered."
            )
        digest = verify_package(Path(found)).digest
        if entry.digest and digest != entry.digest:
            raise RegistryError(
                f"Version {entry.version} of {name} is not the package that was registered: its "
                "digest is another."
            )
        return _put(Path(found), cache / digest, Path(partial))


def _put(found: Path, kept: Path, partial: Path) -> Path:
    """Moves a package to its place in the cache; a damaged one that is there makes room."""
    if kept.exists():
        kept.rename(partial / "damaged")
    try:
        found.rename(kept)
    except OSError:
        if not is_package(kept):  # somebody else has put it there in this moment
            raise
    return kept


def _main() -> int:
    uri, folder, name, which, cache = sys.argv[1:]
    try:
        place = registry_place(uri, folder=Path(folder))
        print(fetch_here(place, name, which, Path(cache)))
    except (PenstockError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
