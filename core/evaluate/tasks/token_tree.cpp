#include "core/evaluate/tasks/token_tree.h"

#include <algorithm>
#include <numeric>

namespace tessera {

std::int64_t TokenTree::child(std::int64_t node, std::int32_t token) const {
    for (const auto next : m_children[static_cast<std::size_t>(node + 1)])
        if (m_tokens[static_cast<std::size_t>(next)] == token) return next;
    return -1;
}

void TokenTree::add(const EncodedRequest& encoded, std::size_t request) {
    std::int64_t node = -1;
    const auto first = encoded.input.size() - encoded.targets.size();
    for (std::size_t i = 0; i < encoded.input.size(); ++i) {
        auto next = child(node, encoded.input[i]);
        if (next < 0) {
            next = static_cast<std::int64_t>(m_tokens.size());
            m_tokens.push_back(encoded.input[i]);
            m_positions.push_back(static_cast<std::int32_t>(i));
            m_parents.push_back(node);
            m_children[static_cast<std::size_t>(node + 1)].push_back(next);
            m_children.emplace_back();
        }
        node = next;
        if (i >= first)
            m_predictions.push_back({static_cast<std::size_t>(node), request, encoded.targets[i - first]});
    }
}

std::size_t TokenTree::trunk() const {
    std::size_t length = 0;
    while (length < m_tokens.size() && m_children[length].size() == 1 &&
           m_children[length][0] == static_cast<std::int64_t>(length))
        ++length;
    return length;
}

std::size_t TokenTree::shared(const std::vector<std::int32_t>& input) const {
    std::size_t length = 0;
    for (std::int64_t node = -1; length < input.size(); ++length)
        if ((node = child(node, input[length])) < 0) break;
    return length;
}

std::vector<TokenTree> growTrees(const std::vector<std::vector<EncodedRequest>>& items,
                                 std::size_t mostTokens) {
    std::vector<std::size_t> order(items.size()), firstRequest(items.size());
    std::iota(order.begin(), order.end(), std::size_t(0));
    for (std::size_t i = 1; i < items.size(); ++i)
        firstRequest[i] = firstRequest[i - 1] + items[i - 1].size();
    // What begins alike stands together.
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return items[a][0].input < items[b][0].input; });
    std::vector<TokenTree> trees;
    for (const auto index : order) {
        const auto& requests = items[index];
        const auto& input = requests[0].input;
        std::size_t tokens = 0;
        for (const auto& request : requests) tokens += request.input.size();
        if (trees.empty() || trees.back().shared(input) * 2 < input.size() ||
            trees.back().size() + tokens > mostTokens)
            trees.emplace_back();
        for (std::size_t r = 0; r < requests.size(); ++r)
            trees.back().add(requests[r], firstRequest[index] + r);
    }
    return trees;
}

}  // namespace tessera
