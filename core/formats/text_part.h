#pragma once

#include <memory>
#include <string>

#include "core/base/json.h"
#include "core/formats/tensor_source.h"

namespace tessera {

/// The configuration of the text model inside one that reads pictures as well (Gemma 3's text_config); any
/// other is given back as it is.
Json textPartOf(Json config);

/// The tensors of such a text model under their own names, "language_model.model.norm.weight" as
/// "model.norm.weight"; any other file is given back as it is. Throws Error{UnsupportedVersion} where the
/// file holds more than the text: an export would lose it.
std::shared_ptr<const TensorSource> textPartOf(std::shared_ptr<const TensorSource> file,
                                               const std::string& where);

}  // namespace tessera
