# SPDX-License-Identifier: Apache-2.0
# Written by proto/generate.py: change the .proto, not this file.
# fmt: off
# ruff: noqa
"""The classes of reflection_v1alpha.proto."""

from penstock_client._proto.pool import POOL, message_type

DESCRIPTOR = POOL.FindFileByName("reflection_v1alpha.proto")
ServerReflectionRequest = message_type("grpc.reflection.v1alpha.ServerReflectionRequest")
ExtensionRequest = message_type("grpc.reflection.v1alpha.ExtensionRequest")
ServerReflectionResponse = message_type("grpc.reflection.v1alpha.ServerReflectionResponse")
FileDescriptorResponse = message_type("grpc.reflection.v1alpha.FileDescriptorResponse")
ExtensionNumberResponse = message_type("grpc.reflection.v1alpha.ExtensionNumberResponse")
ListServiceResponse = message_type("grpc.reflection.v1alpha.ListServiceResponse")
ServiceResponse = message_type("grpc.reflection.v1alpha.ServiceResponse")
ErrorResponse = message_type("grpc.reflection.v1alpha.ErrorResponse")
