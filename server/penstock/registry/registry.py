# SPDX-License-Identifier: Apache-2.0
"""An open registry: registers packages as versions, and tells what there is.

**The version is created last.** Its files are uploaded and checked before; a model without a
version is shown by nothing here, and is removed or used by the next registration. Creating the
version is one transaction, with the package's digest as a tag: whoever registers the same package
again, because the alias was not set or nobody knows how it ended, gets that version.

Methods block.
"""

import contextlib
import fcntl
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from penstock.errors import RegistryError
from penstock.package.manifest import MANIFEST_FILE, read_manifest
from penstock.package.verify import verify_package
from penstock.registry.entries import ModelEntry, VersionEntry
from penstock.registry.place import RegistryPlace, check_reachable, shown_uri
from penstock.registry.tags import ROLLOUT_TAG
from penstock.registry.turn import server_turn

__all__ = ["DIGEST_TAG", "PACKAGE_PATH", "PENDING_TAG", "Registry"]

#: Of a version: the digest of its package.
DIGEST_TAG = "penstock.package.digest"
#: Of a model without a version yet, that Penstock has made.
PENDING_TAG = "penstock.pending"
#: Where a run keeps its package, below its artifacts.
PACKAGE_PATH = "package"
#: A model without a version that is younger may be another machine's, on a server that both use.
_PENDING_SECONDS = 600.0
#: Entries of one answer; further ones are asked for.
_PAGE = 200
#: How often a registration asks for its turn to move an alias, up to a second apart.
_TURN_TRIES = 20


class Registry:
    """Opens a registry, and creates an embedded one if it `creates`.

    `client` is MLflow's own, for whoever tracks runs.

    Raises:
        RegistryError: it cannot be reached or written, or MLflow is not installed.
    """

    def __init__(self, place: RegistryPlace, *, creates: bool = False) -> None:
        check_reachable(place, creates=creates)
        self.place = place
        client, self._failure = _mlflow()
        if place.file is not None and not _is_made(place.file):  # else nobody is waited for
            with self.locked():
                self.asked(_make_database, place.file)
        uri = place.opened_uri
        self.client: Any = self.asked(client, tracking_uri=uri, registry_uri=uri)

    # --- what there is ---

    def models(self, *, with_archived: bool = True) -> list[ModelEntry]:
        """Every model that has a version, by name."""
        by_name: dict[str, list[VersionEntry]] = {}
        for version in self._search(""):
            if version.is_archived and not with_archived:
                continue
            by_name.setdefault(version.name, []).append(version)
        tags = {str(one.name): dict(one.tags or {}) for one in self.registered_models()}
        return [
            ModelEntry(
                name=name,
                versions=len(versions),
                latest=max(one.version for one in versions),
                aliases={alias: one.version for one in versions for alias in one.aliases},
                changed_ms=max(one.created_ms for one in versions),
                policy=tags.get(name, {}).get(ROLLOUT_TAG, ""),
            )
            for name, versions in sorted(by_name.items())
        ]

    def registered_models(self) -> Iterator[Any]:
        """Every model as MLflow tells of it, its aliases included; also one without a version.

        Raises:
            RegistryError: the registry does not answer.
        """
        return self._pages(self.client.search_registered_models, "")

    def versions(self, name: str) -> list[VersionEntry]:
        """The versions of a model, the latest first.

        Raises:
            RegistryError: it has none.
        """
        found = self.all_versions(name)
        if not found:
            known = ", ".join(one.name for one in self.models()) or "none"
            raise RegistryError(
                f"The registry {self.shown} has no version of a model {name!r}; models: {known}."
            )
        return found

    def all_versions(self, name: str) -> list[VersionEntry]:
        """The versions of a model, the latest first; none if there is no such model."""
        found = self._search(f"name = '{_quoted(name)}'")
        return sorted(found, key=lambda one: -one.version)

    def version(self, name: str, which: str = "") -> VersionEntry:
        """One version: by its number, its alias, or the latest.

        Raises:
            RegistryError: there is none.
        """
        found = self.versions(name)
        if not which:
            return found[0]
        for one in found:
            if which == str(one.version) or which in one.aliases:
                return one
        known = ", ".join(str(one.version) for one in found)
        raise RegistryError(
            f"Model {name!r} has no version or alias {which!r} in {self.shown}: wanted one of "
            f"{known}, or an alias of theirs."
        )

    def aliases(self, name: str) -> dict[str, int]:
        """Which version each alias of a model names."""
        model = self.asked(self.client.get_registered_model, name)
        return {str(alias): int(version) for alias, version in dict(model.aliases).items()}

    def model_tags(self, name: str) -> dict[str, str]:
        """The tags of a model."""
        return dict(self.asked(self.client.get_registered_model, name).tags)

    def numbered(self, name: str, version: int) -> VersionEntry:
        """The version of this number, whose aliases are not looked for: however many there are, it
        costs the same. Raises RegistryError if there is none.
        """
        return _version_entry(self.asked(self.client.get_model_version, name, str(version)))

    @property
    def shown(self) -> str:
        """Where it is, without passwords."""
        return shown_uri(self.place.uri)

    # --- changes ---

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes of this machine from changing an embedded registry meanwhile."""
        if self.place.file is None:
            yield
            return
        path = self.place.file.with_name(f"{self.place.file.name}.lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def register(
        self,
        package: Path,
        *,
        run_id: str,
        alias: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> VersionEntry:
        """Register the package as a version of the model that it names, once, and give it `alias`.

        Its files become artifacts of the run `run_id`, below `package`. A package that is
        registered already keeps its version.

        Raises:
            PackageError: it is not what its manifest says.
            RegistryError: the registry refuses; nothing of it is seen there then.
        """
        manifest = verify_package(package)
        with self.locked():
            found = self.find(manifest.name, manifest.digest)
            if found is None:
                self._upload(package, run_id)
                found = self._create(manifest.name, manifest.digest, run_id, dict(tags or {}))
            if alias and alias not in found.aliases:
                with server_turn(self, found.name, alias, tries=_TURN_TRIES) as turn:
                    turn.check()
                    self.move_alias(found.name, alias, found.version)
            return self.version(found.name, str(found.version))

    def move_alias(self, name: str, alias: str, version: int) -> None:
        """Let an alias name this version, and look whether it does. penstock.registry.turn has
        whose turn it is.

        Raises:
            RegistryError: the registry refuses, or the alias names another one now.
        """
        self.asked(self.client.set_registered_model_alias, name, alias, str(version))
        if (found := self.aliases(name).get(alias)) != version:
            raise RegistryError(
                f"Alias {alias!r} of {name!r} names {_shown_version(found)} now, not version "
                f"{version}: somebody else has moved it in this moment."
            )

    def tag_version(self, name: str, version: int, key: str, value: str | None) -> None:
        """Write a tag of a version, or remove it. Raises RegistryError."""
        if value is None:
            self.asked(self.client.delete_model_version_tag, name, str(version), key)
        else:
            self.asked(self.client.set_model_version_tag, name, str(version), key, value)

    def find(self, name: str, digest: str) -> VersionEntry | None:
        """The version of `name` whose package has this digest; the lowest, if there are several."""
        tag = f"name = '{_quoted(name)}' and tag.`{DIGEST_TAG}` = '{_quoted(digest)}'"
        return min(self._search(tag), key=lambda one: one.version, default=None)

    def _upload(self, package: Path, run_id: str) -> None:
        """Put all files into the run, and look whether they have arrived."""
        self.asked(self.client.log_artifacts, run_id, str(package), PACKAGE_PATH)
        wanted = {path: mark.bytes for path, mark in read_manifest(package).files.items()}
        found = self.artifacts(run_id, PACKAGE_PATH)
        missing = [path for path in (*wanted, MANIFEST_FILE) if path not in found]
        if not missing:
            missing = [path for path, size in wanted.items() if found[path] not in (size, None)]
        if missing:
            raise RegistryError(
                f"{missing[0]} has not arrived whole at {self.shown}: register the package again."
            )

    def artifacts(self, run_id: str, root: str) -> dict[str, int | None]:
        """Bytes by path, below `root`, of a run's artifacts there; None: its store does not say.

        Raises:
            RegistryError: they cannot be listed.
        """
        found: dict[str, int | None] = {}
        folders = [root]
        while folders:
            for one in self.asked(self.client.list_artifacts, run_id, folders.pop()):
                if one.is_dir:
                    folders.append(one.path)
                else:
                    found[one.path.removeprefix(f"{root}/")] = one.file_size
        return found

    def _create(self, name: str, digest: str, run_id: str, tags: dict[str, str]) -> VersionEntry:
        run = self.asked(self.client.get_run, run_id)
        source = f"{run.info.artifact_uri}/{PACKAGE_PATH}"
        self._remove_pending(but=name)
        is_new = self._make_model(name)
        try:
            tags = {**tags, DIGEST_TAG: digest}
            made = self.asked(self.client.create_model_version, name, source, run_id, tags=tags)
        except BaseException:
            if is_new:
                self._remove_pending(but="")
            raise
        with contextlib.suppress(RegistryError):  # the tag of a model with a version says nothing
            self.asked(self.client.delete_registered_model_tag, name, PENDING_TAG)
        entry = _version_entry(made)
        first = self.find(name, digest)
        if first is not None and first.version < entry.version:
            # Somebody on another machine has registered the same package in this moment.
            self.asked(self.client.delete_model_version, name, str(entry.version))
            return first
        return entry

    def _make_model(self, name: str) -> bool:
        """Whether there was no model of this name."""
        try:
            self.asked(self.client.create_registered_model, name, tags={PENDING_TAG: "true"})
        except RegistryError:
            # There it is, or the registry refuses everything: then the next call says so.
            self.asked(self.client.get_registered_model, name)
            return False
        return True

    def _remove_pending(self, *, but: str) -> None:
        """Remove models that a registration which was killed has left without a version."""
        models = self._pages(self.client.search_registered_models, f"tag.`{PENDING_TAG}` = 'true'")
        for model in models:
            if model.name == but or self._may_be_at_work(model):
                continue
            if not self._search(f"name = '{_quoted(model.name)}'"):
                self.asked(self.client.delete_registered_model, model.name)

    def _may_be_at_work(self, model: Any) -> bool:
        """Whether another machine may be about to give a model its first version."""
        if self.place.file is not None:
            return False  # the lock keeps others out
        age_s = time.time() - int(model.last_updated_timestamp or 0) / 1000
        return age_s < _PENDING_SECONDS

    # --- how MLflow is asked ---

    def _search(self, wanted: str) -> list[VersionEntry]:
        found = self._pages(self.client.search_model_versions, wanted)
        entries = [_version_entry(one) for one in found]
        # A search leaves aliases out.
        aliases: dict[str, dict[str, int]] = {}
        for name in {one.name for one in entries}:
            aliases[name] = self.aliases(name)
        return [_with_aliases(one, aliases[one.name]) for one in entries]

    def _pages(self, search: Callable[..., Any], wanted: str) -> Iterator[Any]:
        token: str | None = None
        while True:
            page = self.asked(
                search, filter_string=wanted or None, max_results=_PAGE, page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    def asked(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """What a call of MLflow's answers. Raises RegistryError with its error's first line."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of MLflow, to itself and its libraries
                return call(*arguments, **named)
        except self._failure as error:
            reason = str(error).splitlines()[0].rstrip(".")
            raise RegistryError(f"The registry {self.shown} refuses: {reason}.") from None
        except OSError as error:
            raise RegistryError(
                f"The registry {self.shown} cannot be used: {error.strerror or error}."
            ) from None


def _mlflow() -> tuple[Any, tuple[type[Exception], ...]]:
    """MLflow's client and the roots of its errors, imported now."""
    # Nothing is told to anybody but the registry, and nothing is printed.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries that MLflow imports
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException
            from sqlalchemy.exc import SQLAlchemyError
    except ImportError as error:
        raise RegistryError(
            f"MLflow cannot be imported ({error}): `pip install 'penstock[training]'`."
        ) from None
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)  # a line for each step of a migration
    return MlflowClient, (MlflowException, SQLAlchemyError)


def _is_made(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def _make_database(file: Path) -> None:
    """Make an embedded registry's database whole before anybody sees it: its migrations take
    seconds, and one that was killed between them could not be gone on with.
    """
    if _is_made(file):
        return
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    partial = file.with_name(f".{file.name}.partial")
    for left in file.parent.glob(f"{partial.name}*"):
        left.unlink()
    store: Any = SqlAlchemyStore(f"sqlite:///{partial}")  # type: ignore[no-untyped-call]
    store.engine.dispose()
    partial.replace(file)


def _version_entry(found: Any) -> VersionEntry:
    tags = {str(key): str(value) for key, value in (found.tags or {}).items()}
    return VersionEntry(
        name=found.name,
        version=int(found.version),
        digest=tags.get(DIGEST_TAG, ""),
        aliases=tuple(found.aliases or ()),
        source=found.source or "",
        run_id=found.run_id or "",
        created_ms=int(found.creation_timestamp or 0),
        tags=tags,
    )


def _shown_version(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"


def _with_aliases(entry: VersionEntry, aliases: Mapping[str, int]) -> VersionEntry:
    own = sorted(alias for alias, version in aliases.items() if version == entry.version)
    return replace(entry, aliases=tuple(own))


def _quoted(text: str) -> str:
    """`text` inside a string of MLflow's filters, which know no escapes."""
    if "'" in text:
        raise RegistryError(f"{text!r} has a quotation mark: no model is called so.")
    return text
