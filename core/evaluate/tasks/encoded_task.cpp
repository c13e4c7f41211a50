#include "core/evaluate/tasks/encoded_task.h"

#include "core/base/error.h"
#include "core/evaluate/tasks/task_text.h"

namespace tessera {

namespace {

using Ids = std::vector<std::int32_t>;

Ids withBos(const Tokenizer& tokenizer, const std::string& text, bool bos) {
    auto ids = tokenizer.encode(text);
    if (!bos) return ids;
    if (tokenizer.bosToken() < 0)
        throw Error(ErrorCode::InvalidInput, "the model's tokenizer has no beginning-of-sequence token",
                    "--bos", {{"leave --bos out", "bos", "false"}});
    const std::int32_t first[] = {tokenizer.bosToken()};
    // A text that has it written out gets no second one.
    const auto written = tokenizer.decode(first);
    if (written.empty() || !text.starts_with(written)) ids.insert(ids.begin(), first[0]);
    return ids;
}

}  // namespace

EncodedRequest encodeRequest(const Tokenizer& tokenizer, const TaskRequest& request,
                             const EncodeSettings& settings) {
    Ids context, continuation;
    if (request.context.empty()) {
        const auto prefix = tokenizer.bosToken() >= 0 ? tokenizer.bosToken() : tokenizer.eosToken();
        if (prefix < 0)
            throw Error(
                ErrorCode::InvalidInput,
                "an empty context needs a beginning- or end-of-sequence token, the tokenizer has none",
                "\"" + request.continuation.substr(0, 80) + "\"");
        context = {prefix};
        continuation = tokenizer.encode(request.continuation);
        if (!continuation.empty() && continuation[0] == prefix) continuation.erase(continuation.begin());
    } else {
        const auto kept = request.context.size() - trailingSpace(request.context);
        const auto head = request.context.substr(0, kept);
        const auto whole = withBos(tokenizer, request.context + request.continuation, settings.bos);
        context = withBos(tokenizer, head, settings.bos);
        if (whole.size() > context.size())
            continuation.assign(whole.begin() + static_cast<std::ptrdiff_t>(context.size()), whole.end());
    }
    const auto most = static_cast<std::size_t>(settings.maxPositions);
    if (context.empty() || continuation.empty() || continuation.size() > most)
        throw Error(
            ErrorCode::InvalidInput,
            continuation.size() > most ? "a continuation has " + std::to_string(continuation.size()) +
                                             " tokens, the model reads " + std::to_string(most)
                                       : std::string("a request has no token to score"),
            "\"" + request.context.substr(0, 80) + "\" with \"" + request.continuation.substr(0, 80) + "\"",
            {{"take the item out of the task's file", "", ""}});
    EncodedRequest encoded{std::move(context), continuation};
    encoded.input.insert(encoded.input.end(), continuation.begin(), continuation.end() - 1);
    if (encoded.input.size() > most)
        encoded.input.erase(encoded.input.begin(), encoded.input.end() - static_cast<std::ptrdiff_t>(most));
    return encoded;
}

}  // namespace tessera
