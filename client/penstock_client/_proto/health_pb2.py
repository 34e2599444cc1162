# SPDX-License-Identifier: Apache-2.0
# Written by proto/generate.py: change the .proto, not this file.
# fmt: off
# ruff: noqa
"""The classes of health.proto."""

from penstock_client._proto.pool import POOL, message_type

DESCRIPTOR = POOL.FindFileByName("health.proto")
HealthCheckRequest = message_type("grpc.health.v1.HealthCheckRequest")
HealthCheckResponse = message_type("grpc.health.v1.HealthCheckResponse")
HealthListRequest = message_type("grpc.health.v1.HealthListRequest")
HealthListResponse = message_type("grpc.health.v1.HealthListResponse")
