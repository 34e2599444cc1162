# SPDX-License-Identifier: Apache-2.0
# Written by proto/generate.py: change the .proto, not this file.
# fmt: off
# ruff: noqa
"""The classes of inference_extensions.proto."""

from penstock_client._proto.pool import POOL, message_type

DESCRIPTOR = POOL.FindFileByName("inference_extensions.proto")
ModelConfigRequest = message_type("inference.ModelConfigRequest")
ModelConfigResponse = message_type("inference.ModelConfigResponse")
ModelStatisticsRequest = message_type("inference.ModelStatisticsRequest")
StatisticDuration = message_type("inference.StatisticDuration")
InferStatistics = message_type("inference.InferStatistics")
InferResponseStatistics = message_type("inference.InferResponseStatistics")
InferBatchStatistics = message_type("inference.InferBatchStatistics")
MemoryUsage = message_type("inference.MemoryUsage")
ModelStatistics = message_type("inference.ModelStatistics")
ModelStatisticsResponse = message_type("inference.ModelStatisticsResponse")
ModelRepositoryParameter = message_type("inference.ModelRepositoryParameter")
RepositoryIndexRequest = message_type("inference.RepositoryIndexRequest")
RepositoryIndexResponse = message_type("inference.RepositoryIndexResponse")
RepositoryModelLoadRequest = message_type("inference.RepositoryModelLoadRequest")
RepositoryModelLoadResponse = message_type("inference.RepositoryModelLoadResponse")
RepositoryModelUnloadRequest = message_type("inference.RepositoryModelUnloadRequest")
RepositoryModelUnloadResponse = message_type("inference.RepositoryModelUnloadResponse")
SystemSharedMemoryStatusRequest = message_type("inference.SystemSharedMemoryStatusRequest")
SystemSharedMemoryStatusResponse = message_type("inference.SystemSharedMemoryStatusResponse")
SystemSharedMemoryRegisterRequest = message_type("inference.SystemSharedMemoryRegisterRequest")
SystemSharedMemoryRegisterResponse = message_type("inference.SystemSharedMemoryRegisterResponse")
SystemSharedMemoryUnregisterRequest = message_type("inference.SystemSharedMemoryUnregisterRequest")
SystemSharedMemoryUnregisterResponse = message_type("inference.SystemSharedMemoryUnregisterResponse")
CudaSharedMemoryStatusRequest = message_type("inference.CudaSharedMemoryStatusRequest")
CudaSharedMemoryStatusResponse = message_type("inference.CudaSharedMemoryStatusResponse")
CudaSharedMemoryRegisterRequest = message_type("inference.CudaSharedMemoryRegisterRequest")
CudaSharedMemoryRegisterResponse = message_type("inference.CudaSharedMemoryRegisterResponse")
CudaSharedMemoryUnregisterRequest = message_type("inference.CudaSharedMemoryUnregisterRequest")
CudaSharedMemoryUnregisterResponse = message_type("inference.CudaSharedMemoryUnregisterResponse")
TraceSettingRequest = message_type("inference.TraceSettingRequest")
TraceSettingResponse = message_type("inference.TraceSettingResponse")
LogSettingsRequest = message_type("inference.LogSettingsRequest")
LogSettingsResponse = message_type("inference.LogSettingsResponse")
