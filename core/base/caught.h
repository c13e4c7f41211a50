#pragma once

#include <exception>

#include "core/base/error.h"

namespace tessera {

/// Any exception as an Error of one line: what the standard library, the JSON library and LibTorch throw gets
/// the code, the place and the advice that an Error has. For the places that catch.
Error caughtError(const std::exception& exception);

}  // namespace tessera
