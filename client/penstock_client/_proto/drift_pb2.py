# SPDX-License-Identifier: Apache-2.0
# Written by proto/generate.py: change the .proto, not this file.
# fmt: off
# ruff: noqa
"""The classes of drift.proto."""

from penstock_client._proto.pool import POOL, message_type

DESCRIPTOR = POOL.FindFileByName("drift.proto")
GetDriftRequest = message_type("penstock.admin.v1.GetDriftRequest")
ListDriftRequest = message_type("penstock.admin.v1.ListDriftRequest")
ListDriftResponse = message_type("penstock.admin.v1.ListDriftResponse")
DriftStatus = message_type("penstock.admin.v1.DriftStatus")
ColumnDrift = message_type("penstock.admin.v1.ColumnDrift")
DriftEffect = message_type("penstock.admin.v1.DriftEffect")
DriftRate = message_type("penstock.admin.v1.DriftRate")
DriftHistoryPoint = message_type("penstock.admin.v1.DriftHistoryPoint")
UnseenCategory = message_type("penstock.admin.v1.UnseenCategory")
DriftAlarm = message_type("penstock.admin.v1.DriftAlarm")
