# SPDX-License-Identifier: Apache-2.0
"""The control application with small parts, for `--grpc-service tests.doubles.control_service`."""

from tests.doubles.control_parts import Parts

from penstock.control.grpc_methods import add_control_methods
from penstock.hosting import ServiceHost
from penstock.logs import LogChoice, start_logging


def register(host: ServiceHost) -> None:
    parts = Parts(start_logging(LogChoice()))
    parts.rollouts.ahead.update(
        walker=["shadow", "canary", "canary", "live"],
        failing=["shadow", "canary", "rolled_back"],
        stuck=["shadow", "held"],
    )
    add_control_methods(host, parts.application)
