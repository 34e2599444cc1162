# SPDX-License-Identifier: Apache-2.0
"""What a version was made with, and what is needed to run it elsewhere."""

import platform
from importlib import metadata

__all__ = ["environment_lock", "python_env", "requirements"]

#: Distributions that run a package as an MLflow model.
_RUNNERS = ("mlflow", "numpy", "onnx", "onnxruntime", "pandas")


def environment_lock() -> str:
    """Every installed distribution with its version, a line each, sorted; pip can read it."""
    found = {
        (one.metadata["Name"] or "").lower().replace("_", "-"): one.version
        for one in metadata.distributions()
    }
    lines = [f"{name}=={version}" for name, version in sorted(found.items()) if name]
    return "\n".join([f"# Python {platform.python_version()}", *lines]) + "\n"


def requirements() -> str:
    """What `mlflow.pyfunc.load_model` needs, with the versions that are installed."""
    return "".join(f"{name}=={metadata.version(name)}\n" for name in _RUNNERS)


def python_env() -> str:
    """MLflow's python_env.yaml."""
    return (
        f"python: {platform.python_version()}\n"
        f"build_dependencies:\n- pip\ndependencies:\n- -r requirements.txt\n"
    )
