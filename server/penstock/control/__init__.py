# SPDX-License-Identifier: Apache-2.0
"""The control application: every call that is not inference, over gRPC and over REST alike."""
