#pragma once

#include <QList>
#include <QString>
#include <optional>

namespace tessera::ui {

/// One token of a text being generated.
struct TextToken {
    int id = -1;   ///< -1: bytes at the end that never became a character
    QString text;  ///< the characters that it completes; may be empty
};

/// The index of the first token in which two texts differ. Where one is the other's beginning: its length,
/// unless `unfinished`, when more may come. Empty while they agree.
std::optional<qsizetype> firstDivergence(const QList<TextToken>& one, const QList<TextToken>& other,
                                         bool unfinished);

/// Where in the text the characters of this token begin.
qsizetype textOffset(const QList<TextToken>& tokens, qsizetype index);

}  // namespace tessera::ui
