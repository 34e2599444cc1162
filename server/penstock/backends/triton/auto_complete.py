# SPDX-License-Identifier: Apache-2.0
"""Lets a model complete its own configuration: `TritonPythonModel.auto_complete_config`.

    python -m penstock.backends.triton.auto_complete DESCRIPTOR       of an isolated model

The code of an isolated model does not run in the server's process here either: a process of its own
is told the model on standard input and writes the answer, both JSON, to the descriptor it is given.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from penstock.backends.python_class import running_model, triton_class
from penstock.backends.triton.current import entered, settle_in
from penstock.backends.triton.failures import sentence_of
from penstock.backends.triton.instance import CLASS_NAME
from penstock.backends.triton.model_config import ModelConfig, config_json, config_of_json
from penstock.errors import BackendError
from penstock.repository.config_file import WrittenConfig
from penstock.repository.isolation import isolation_plan
from penstock.repository.layout import FoundModel
from penstock.repository.plan import ModelPlan
from penstock.repository.support import refuse_unsupported
from penstock.repository.translate import backend_name

__all__ = ["self_completed"]

FUNCTION = "auto_complete_config"
PR_SET_PDEATHSIG = 1
STANDARD_ERROR = 2


def self_completed(model: FoundModel, version: int, written: WrittenConfig) -> WrittenConfig:
    """`written` as the model's own code completes it; as it is, where the code does not.

    Code that completes is found by its word: a file that does not hold `auto_complete_config` is
    not imported for it. Raises BackendError if the code fails, UnsupportedError if it asks for what
    is not served.
    """
    folder = model.version_folder(version)
    files = frozenset(entry.name for entry in folder.iterdir())
    path = folder / (written.config.default_model_filename or "model.py")
    if backend_name(written.config, files) != "python" or path.name not in files:
        return written
    if FUNCTION.encode() not in path.read_bytes():
        return written
    isolation = isolation_plan(written.config.parameters, "python")
    given = config_json(written.config)
    if isolation is None:
        told = _completed(_to_import(model.name, version, path), given)
    else:
        told = _completed_apart(model.name, version, path, given, isolation.load_seconds_max)
    config = config_of_json(told)
    if config.name != model.name:
        raise BackendError(
            f"{FUNCTION} names the model {config.name!r}: wanted {model.name!r}, as it was."
        )
    refuse_unsupported(config)
    return WrittenConfig(config=config, has_batch_size=True)


def _to_import(name: str, version: int, path: Path) -> ModelPlan:
    """Of a model whose tensors are not known yet."""
    return ModelPlan(
        name=name,
        version=version,
        platform="python",
        backend="python",
        model_path=path,
        batch_rows_max=None,
        batch_rows_default=1,
    )


def _completed(plan: ModelPlan, given: str) -> str:
    """The completed configuration, as JSON; `given` if there is nothing that would complete it."""
    complete = getattr(triton_class(plan), FUNCTION, None)
    if complete is None:
        return given
    try:
        with entered(running_model(plan)):
            config = complete(ModelConfig(given))
        if not isinstance(config, ModelConfig):
            found = type(config).__name__
            raise BackendError(f"it returned {found}: wanted the ModelConfig that it was given.")
        return json.dumps(config.as_dict())
    except BaseException as error:  # a model may raise anything
        raise BackendError(
            f"{FUNCTION} of {CLASS_NAME} in {plan.version}/{plan.model_path.name} failed: "
            f"{sentence_of(error)}"
        ) from error


def _completed_apart(name: str, version: int, path: Path, given: str, seconds_max: float) -> str:
    question = {
        "name": name,
        "version": version,
        "path": str(path),
        "config": given,
        "python_path": sys.path,
    }
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as answers:
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", __spec__.name, str(writing)],
                stdin=subprocess.PIPE,
                stdout=STANDARD_ERROR,  # what its code prints
                pass_fds=[writing],
            )
        finally:
            os.close(writing)
        with process:
            try:
                process.communicate(json.dumps(question).encode(), seconds_max or None)
            except subprocess.TimeoutExpired:
                process.kill()
                raise BackendError(
                    f"{FUNCTION} took more than {seconds_max:g} s (penstock.load_seconds_max) and "
                    "was ended."
                ) from None
        content = answers.read()
    told: dict[str, Any] = json.loads(content) if content else {}
    if "config" in told:
        return str(told["config"])
    ended = f"its process ended with status {process.returncode}"
    raise BackendError(told.get("error") or f"{FUNCTION} failed: {ended}.")


def main() -> None:
    """Answers for one model, and ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)
    question = json.loads(sys.stdin.buffer.read())
    path = Path(question["path"])
    sys.path[:] = [str(path.parent), *question["python_path"]]
    plan = _to_import(question["name"], question["version"], path)
    settle_in(running_model(plan))
    try:
        told = {"config": _completed(plan, question["config"])}
    except BaseException as error:
        told = {"error": sentence_of(error)}
    with os.fdopen(descriptor, "w") as answers:
        json.dump(told, answers)


if __name__ == "__main__":
    main()
