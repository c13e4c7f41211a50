#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "app/cli/packing_options.h"
#include "core/base/cancellation.h"
#include "core/base/json.h"
#include "core/session/event.h"

namespace tessera::cli {

/// Continues texts for `generate` requests {model, masks, prompt, tokens, seed, temperature, greedy,
/// ignore_eos, threads, values, head}. A model is one, a run, or a packed container. Those used last stay
/// packed, so that asking two in turn reads each of them once. One thread at a time.
class TextGenerator {
  public:
    TextGenerator();
    ~TextGenerator();

    /// Tells {"type":"phase","phase":"load"} (only where it has to read the model), {"phase":"prompt"} and
    /// {"phase":"decode"}, and a `token` for each token with its `id` and the whole characters that it
    /// completes
    /// (`text`, may be empty); bytes that never became a character come at the end without an id. Returns the
    /// document of cli.md's `generate`. Throws Error.
    Json generate(const Json& request, const std::function<void(const Event&)>& tell,
                  const Cancellation& cancellation);

  private:
    struct Loaded;
    std::shared_ptr<const Loaded> load(const std::string& model, const std::string& masks,
                                       const PackingOptions& packing,
                                       const std::function<void(const Event&)>& tell,
                                       const Cancellation& cancellation);
    std::shared_ptr<const Loaded> loadContainer(const std::filesystem::path& path,
                                                const PackingOptions& packing,
                                                const std::function<void(const Event&)>& tell);
    /// One that was used before, put in front; null: none.
    std::shared_ptr<const Loaded> found(const std::string& key);
    void keep(std::shared_ptr<const Loaded> loaded);

    std::deque<std::shared_ptr<const Loaded>> m_loaded;  ///< the one used last in front
};

}  // namespace tessera::cli
