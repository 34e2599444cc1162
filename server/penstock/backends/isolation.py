# SPDX-License-Identifier: Apache-2.0
"""How a worker process is started, and what it is told: the server's half of `worker`."""

import json
import logging
import sys
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from penstock.repository.config_file import ModelConfig
from penstock.repository.plan import IsolationPlan, ModelPlan, TensorPlan

__all__ = ["LoadOrder", "WorkerLaunch", "worker_launch"]

#: Fields of a plan that a model's process has no use for.
SERVERS_BUSINESS = (
    "queue",
    "notes",
    "session",
    "isolation",
    "label_files",
    "warmups",
    "metric_tags",
    "smoke",
    "metric_buckets",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerLaunch:
    """A program, what it is told to load, and the bounds it is held to."""

    command: tuple[str, ...]
    document: str
    bounds: IsolationPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOrder:
    """What a worker needs to know to be like the server in all that its model can see."""

    plan: ModelPlan
    config: ModelConfig
    shared_bytes_max: int
    python_path: tuple[str, ...]
    log_format: str
    log_level: str
    log_file: str

    def document(self) -> str:
        """As JSON."""
        plan = asdict(self.plan) | {"model_path": str(self.plan.model_path)}
        for key in SERVERS_BUSINESS:
            del plan[key]
        return json.dumps(
            {
                "plan": plan,
                "config": b64encode(self.config.SerializeToString()).decode(),
                "shared_bytes_max": self.shared_bytes_max,
                "python_path": self.python_path,
                "log_format": self.log_format,
                "log_level": self.log_level,
                "log_file": self.log_file,
            }
        )

    @classmethod
    def read(cls, document: bytes) -> "LoadOrder":
        """The order that `document` is of."""
        told = json.loads(document)
        plan = told["plan"]
        for key in ("inputs", "outputs"):
            plan[key] = tuple(
                TensorPlan(**{field: _plain(value) for field, value in tensor.items()})
                for tensor in plan[key]
            )
        plan["model_path"] = Path(plan["model_path"])
        return cls(
            plan=ModelPlan(**plan),
            config=ModelConfig.FromString(b64decode(told["config"])),
            shared_bytes_max=told["shared_bytes_max"],
            python_path=tuple(told["python_path"]),
            log_format=told["log_format"],
            log_level=told["log_level"],
            log_file=told["log_file"],
        )


def _plain(value: object) -> Any:
    """JSON knows no tuples."""
    return tuple(value) if isinstance(value, list) else value


def worker_launch(
    plan: ModelPlan, config: ModelConfig, *, log_format: str, log_file: str = ""
) -> WorkerLaunch:
    """How the workers of `plan`, which has an isolation, are started on this machine."""
    if plan.isolation is None:
        raise ValueError(f"{plan.name} is not isolated")
    order = LoadOrder(
        plan=plan,
        config=config,
        shared_bytes_max=plan.isolation.shared_bytes_max,
        python_path=tuple(sys.path),
        log_format=log_format,
        log_level=logging.getLevelName(logging.getLogger().getEffectiveLevel()).lower(),
        log_file=log_file,
    )
    return WorkerLaunch(
        command=(sys.executable, "-P", "-m", "penstock.backends.worker"),
        document=order.document(),
        bounds=plan.isolation,
    )
