# SPDX-License-Identifier: Apache-2.0
"""The models of the repositories, as rollouts see them."""

import logging
from pathlib import Path

from penstock.errors import PackageError
from penstock.package.signature import sensitive_inputs
from penstock.repository.config_file import ModelConfig
from penstock.repository.controller import RepositoryController
from penstock.rollout.read import rollout_of_folder
from penstock.rollout.spec import RolloutSpec

__all__ = ["RolledModels"]

log = logging.getLogger(__name__)


class RolledModels:
    """`penstock.rollout.surroundings.LoadedModels` over a controller. On the control thread."""

    def __init__(self, controller: RepositoryController) -> None:
        self._controller = controller

    def loaded_versions(self, model: str) -> list[int]:
        """Those that requests reach, ascending."""
        record = self._controller.records.get(model)
        return record.serving if record is not None else []

    def config(self, model: str, version: str = "") -> ModelConfig:
        """The completed configuration of a loaded version. Raises ControlError."""
        return self._controller.config(model, version)

    def settle(self, model: str) -> None:
        """Unloads what only a rollout held."""
        self._controller.settle(model)

    def rollout_spec(self, model: str) -> RolloutSpec | None:
        """What stands in rollout.toml next to a model; None: nothing. Raises RolloutError.

        Reads a file; any thread may call it.
        """
        folder = self._folder(model)
        return None if folder is None else rollout_of_folder(folder)

    def sensitive(self, model: str, version: int) -> frozenset[str]:
        """Inputs with a column that the version's package calls sensitive.

        Of an input of several columns none is kept then: a shadow knows tensors, not columns.
        """
        folder = self._folder(model)
        if folder is None:
            return frozenset()
        try:
            return sensitive_inputs(folder / str(version))
        except PackageError as error:  # of a package that has been verified
            log.error("signature_not_read", extra={"model": model, "reason": str(error)})
            return frozenset(one.name for one in self.config(model, str(version)).input)

    def _folder(self, model: str) -> Path | None:
        record = self._controller.records.get(model)
        sources = [one.source for one in record.versions.values()] if record is not None else []
        return next((one.model.folder for one in sources if one is not None), None)
