#pragma once

#include <cstdint>
#include <string>

#include "core/base/json.h"

namespace tessera {

struct ComparisonSettings {
    std::uint64_t seed = 0;
    int resamples = 10000;
};

/// Two results of `eval --task` on the same items, paired item by item. `a` and `b` are documents with a
/// "tasks" object; `whereA` and `whereB` name them in errors. Of the tasks that both have:
///   {"tasks":{name:{"n","acc":{"a","b","difference","ci95":[low,high],"won":[i],"lost":[i]},"acc_norm":...,
///    "picks_changed"}},"mean":{"difference","ci95"},"seed","resamples"}
/// difference = b - a; `won` are the items that b alone has right, `lost` those that a alone has right, by
/// index. The interval: the 2.5 % and 97.5 % quantiles of the difference over resamples of the items with
/// replacement (percentile bootstrap, Efron 1979), both models' answers to an item drawn together. Draw k of
/// resample r is a hash of (seed, task, r, k): the same numbers every time, on every machine. `mean` is of
/// the tasks' accuracies, each task resampled on its own. Throws Error{InvalidInput} where a document has no
/// task results, no task is in both, or the items differ (another file, another --limit).
Json compareTasks(const Json& a, const std::string& whereA, const Json& b, const std::string& whereB,
                  const ComparisonSettings& settings);

}  // namespace tessera
