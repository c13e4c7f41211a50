#include "ui/playground/divergence.h"

#include <algorithm>

namespace tessera::ui {

std::optional<qsizetype> firstDivergence(const QList<TextToken>& one, const QList<TextToken>& other,
                                         bool unfinished) {
    const auto shared = std::min(one.size(), other.size());
    for (qsizetype i = 0; i < shared; ++i)
        if (one[i].id != other[i].id) return i;
    if (!unfinished && one.size() != other.size()) return shared;
    return {};
}

qsizetype textOffset(const QList<TextToken>& tokens, qsizetype index) {
    qsizetype offset = 0;
    for (qsizetype i = 0; i < std::min(index, tokens.size()); ++i) offset += tokens[i].text.size();
    return offset;
}

}  // namespace tessera::ui
