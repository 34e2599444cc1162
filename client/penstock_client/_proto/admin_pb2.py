# SPDX-License-Identifier: Apache-2.0
# Written by proto/generate.py: change the .proto, not this file.
# fmt: off
# ruff: noqa
"""The classes of admin.proto."""

from penstock_client._proto.pool import POOL, message_type

DESCRIPTOR = POOL.FindFileByName("admin.proto")
StartRolloutRequest = message_type("penstock.admin.v1.StartRolloutRequest")
GetRolloutRequest = message_type("penstock.admin.v1.GetRolloutRequest")
ListRolloutsRequest = message_type("penstock.admin.v1.ListRolloutsRequest")
ListRolloutsResponse = message_type("penstock.admin.v1.ListRolloutsResponse")
WatchRolloutRequest = message_type("penstock.admin.v1.WatchRolloutRequest")
PromoteRolloutRequest = message_type("penstock.admin.v1.PromoteRolloutRequest")
PauseRolloutRequest = message_type("penstock.admin.v1.PauseRolloutRequest")
ResumeRolloutRequest = message_type("penstock.admin.v1.ResumeRolloutRequest")
RollBackRolloutRequest = message_type("penstock.admin.v1.RollBackRolloutRequest")
ExplainRolloutRequest = message_type("penstock.admin.v1.ExplainRolloutRequest")
ExplainRolloutResponse = message_type("penstock.admin.v1.ExplainRolloutResponse")
RolloutStatus = message_type("penstock.admin.v1.RolloutStatus")
GuardrailStatus = message_type("penstock.admin.v1.GuardrailStatus")
Transition = message_type("penstock.admin.v1.Transition")
Evidence = message_type("penstock.admin.v1.Evidence")
Epoch = message_type("penstock.admin.v1.Epoch")
ArmCounts = message_type("penstock.admin.v1.ArmCounts")
ArmLatency = message_type("penstock.admin.v1.ArmLatency")
LatencyBucket = message_type("penstock.admin.v1.LatencyBucket")
NativeVerdict = message_type("penstock.admin.v1.NativeVerdict")
ShadowCounts = message_type("penstock.admin.v1.ShadowCounts")
RolloutSpec = message_type("penstock.admin.v1.RolloutSpec")
Sticky = message_type("penstock.admin.v1.Sticky")
Holdout = message_type("penstock.admin.v1.Holdout")
Override = message_type("penstock.admin.v1.Override")
RolloutShadow = message_type("penstock.admin.v1.RolloutShadow")
Guardrails = message_type("penstock.admin.v1.Guardrails")
LatencyGuardrail = message_type("penstock.admin.v1.LatencyGuardrail")
PredictionsGuardrail = message_type("penstock.admin.v1.PredictionsGuardrail")
Promotion = message_type("penstock.admin.v1.Promotion")
