#pragma once

#include <vector>

#include "core/text/tokenizer_definition.h"

namespace tessera {

/// Gives a SentencePiece BPE, whose tokens have scores, the merges that it makes: every way in which two
/// tokens are a third, the better score first, merges of the same score of the same rank. `merges` says for
/// each token whether merging makes it, or takes part in it. Throws Error{Corrupt} on a score that is not a
/// number.
void addScoredMerges(TokenizerDefinition& definition, const std::vector<double>& scores,
                     const std::vector<bool>& merges, const std::string& where);

/// The normalizer and decoder of a SentencePiece vocabulary: spaces as U+2581, one before the text if
/// `prefix`.
void addSpaceEscapes(TokenizerDefinition& definition, bool prefix);

}  // namespace tessera
