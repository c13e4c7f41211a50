#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/evaluate/tasks/encoded_task.h"

namespace tessera {

/// Requests that begin alike, with every shared beginning once: a node is a token behind its parent's path,
/// and a causal model's state there is the same in each request that passes it. A node comes behind its
/// parent; a request's nodes are its path from a root.
class TokenTree {
  public:
    /// A prediction that is scored: of `target` at `node`, for a request by its index.
    struct Prediction {
        std::size_t node, request;
        std::int32_t target;
    };

    /// `request` is what the predictions are marked with.
    void add(const EncodedRequest& encoded, std::size_t request);

    std::size_t size() const { return m_tokens.size(); }
    const std::vector<std::int32_t>& tokens() const { return m_tokens; }
    const std::vector<std::int32_t>& positions() const { return m_positions; }
    const std::vector<std::int64_t>& parents() const { return m_parents; }  ///< -1: a root
    const std::vector<Prediction>& predictions() const { return m_predictions; }
    /// The first nodes that are one path: each the child of the one before, up to where paths part.
    std::size_t trunk() const;
    /// How many tokens of the beginning the tree has already.
    std::size_t shared(const std::vector<std::int32_t>& input) const;

  private:
    std::int64_t child(std::int64_t node, std::int32_t token) const;

    std::vector<std::int32_t> m_tokens, m_positions;
    std::vector<std::int64_t> m_parents;
    std::vector<std::vector<std::int64_t>> m_children{{}};  ///< of node - 1; first the roots
    std::vector<Prediction> m_predictions;
};

/// Trees for all requests of all items: those of an item together, and items that share half of their
/// beginning or more with the tree before (twins, questions on one passage), up to `mostTokens` nodes.
/// Request indices count through the items.
std::vector<TokenTree> growTrees(const std::vector<std::vector<EncodedRequest>>& items,
                                 std::size_t mostTokens);

}  // namespace tessera
