// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "batching/ticket.h"
#include "serving/mirror.h"
#include "serving/version.h"

namespace penstock::serving {

// Makes the mirrored request one of the shadow's: its inputs by name in the shadow's order, in its
// executor's shapes, with rows and shape key; the bytes are shared. False: the shadow does not take
// it, for an input that is missing, or is of another datatype, or does not fit its dims, or has too
// many rows. Inputs that the shadow does not know are left out.
bool bind_mirror(const Mirror& mirror, const Version& shadow, batching::Ticket& ticket);

}  // namespace penstock::serving
