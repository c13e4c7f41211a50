#include "core/session/hub_client.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace tessera {

namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t(1) << 46;

bool isHex(const std::string& text, std::size_t digits) {
    return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// W/"name" and "name" are the same content.
std::string bareEtag(std::string text) {
    if (text.starts_with("W/")) text.erase(0, 2);
    std::erase(text, '"');
    return text;
}

std::optional<std::uint64_t> sizeOf(const std::string& text, const std::string& what) {
    if (text.empty()) return std::nullopt;
    std::uint64_t value = 0;
    const auto end = text.data() + text.size();
    const auto [at, failed] = std::from_chars(text.data(), end, value);
    if (failed != std::errc() || at != end || value > kLargestFile)
        throw Error(ErrorCode::Corrupt, "the hub gives " + what + " a size that cannot be: " + text, what,
                    {{"try again; if it stays, ask whoever runs the hub", "", ""}});
    return value;
}

}  // namespace

HubClient::HubClient(HttpLoop& loop, HubAccess access, HubRepo repo)
    : m_loop(loop), m_access(std::move(access)), m_repo(std::move(repo)), m_revision(m_repo.revision) {}

std::string HubClient::address(const std::string& name) const {
    // Repositories, revisions and files have no other letter that an address gives a meaning.
    std::string revision = m_revision;
    for (std::size_t at = 0; (at = revision.find('/', at)) != std::string::npos; at += 3)
        revision.replace(at, 1, "%2F");
    return page() + "/resolve/" + revision + "/" + name;
}

std::optional<HubFile> HubClient::find(const std::string& name) {
    HttpQuery query;
    query.url = address(name);
    query.head = true;
    query.token = m_access.token;
    // A large file's address redirects to its store; all that is asked for stands in that answer.
    query.endsAt = [](const HttpReply& reply) {
        return !reply.header("x-linked-etag").empty() && !reply.header("x-linked-size").empty();
    };
    const auto what = name + " of " + m_repo.text();
    const auto reply = m_loop.ask(query, what);
    const auto& code = reply.header("x-error-code");
    if (reply.status == 404 && code != "RepoNotFound" && code != "RevisionNotFound") return std::nullopt;
    if (reply.status >= 400) throw refusal(reply, name);
    if (reply.status != 200 && (reply.status < 300 || reply.status > 308))
        throw Error(ErrorCode::Io,
                    what + " cannot be fetched: unexpected HTTP status " + std::to_string(reply.status),
                    reply.host, {{"check HF_ENDPOINT and the network's proxy", "", ""}});
    if (const auto& commit = reply.header("x-repo-commit"); !m_fixed && isHex(commit, 40)) {
        m_revision = commit;
        m_fixed = true;
    }
    HubFile file;
    file.name = name;
    const auto linked = bareEtag(reply.header("x-linked-etag"));
    file.etag = linked.empty() ? bareEtag(reply.header("etag")) : linked;
    if (isHex(linked, 64)) file.sha256 = linked;
    const auto& size = reply.header("x-linked-size");
    file.bytes = sizeOf(size.empty() && reply.status == 200 ? reply.header("content-length") : size, what);
    return file;
}

HubFile HubClient::require(const std::string& name) {
    if (auto file = find(name)) return std::move(*file);
    throw Error(ErrorCode::NotFound,
                "the hub has no " + name + " of " + m_repo.id + " at revision " + m_repo.revision, page(),
                {{"check the name and the revision at " + page(), "", ""}});
}

DownloadTarget HubClient::target(const HubFile& file, const std::filesystem::path& folder) const {
    return {address(file.name),
            m_access.token,
            folder / file.name,
            file.bytes,
            file.etag,
            file.sha256,
            file.name + " of " + m_repo.text(),
            [this, name = file.name](const HttpReply& reply) { return refusal(reply, name); }};
}

Error HubClient::refusal(const HttpReply& reply, const std::string& name) const {
    const auto& code = reply.header("x-error-code");
    if (code == "RepoNotFound" && (reply.status == 404 || !m_access.token.empty()))
        return {ErrorCode::NotFound,
                "the hub has no model " + m_repo.id,
                page(),
                {{"check the name at " + m_access.endpoint + "/models", "", ""}}};
    if (code == "RevisionNotFound")
        return {ErrorCode::NotFound,
                "the hub has no revision " + m_repo.revision + " of " + m_repo.id,
                page(),
                {{"look at " + page() + "/tree/main for its branches and tags", "", ""}}};
    // A store that a file's address leads to has its own reasons.
    const bool hub = httpOrigin(m_access.endpoint).ends_with("//" + reply.host);
    if (hub && (reply.status == 401 || reply.status == 403)) return noAccess(reply);
    if (reply.status == 404)
        return {ErrorCode::NotFound,
                "the hub has no " + name + " of " + m_repo.id + " at revision " + m_repo.revision,
                reply.host,
                {{"check the model at " + page(), "", ""}}};
    return {ErrorCode::Io,
            name + " of " + m_repo.text() + " cannot be fetched: HTTP status " + std::to_string(reply.status),
            reply.host,
            {{"try again later; what has come is kept", "", ""}}};
}

Error HubClient::noAccess(const HttpReply& reply) const {
    const auto tokens = m_access.endpoint + "/settings/tokens";
    const bool gated = reply.header("x-error-code") == "GatedRepo";
    if (m_access.token.empty()) {
        const auto why = gated ? m_repo.id + " is given only to people who accepted its terms"
                               : "the hub shows " + m_repo.id +
                                     " to nobody without a token: its terms are to be accepted first, it is "
                                     "private, or there is no such model";
        return {ErrorCode::Io,
                why,
                page(),
                {{"accept the terms at " + page() + ", make a token that may read at " + tokens +
                      ", and set HF_TOKEN to it or run 'huggingface-cli login'",
                  "", ""}}};
    }
    const auto why = gated ? "the account of your token has not been given access to " + m_repo.id
                           : "the hub does not take your token for " + m_repo.id;
    return {ErrorCode::Io,
            why,
            m_access.tokenFrom,
            {{"accept the terms at " + page() +
                  " with that account (some authors answer only after a while), and "
                  "see at " +
                  tokens +
                  " that the token is valid and may read gated models; then set HF_TOKEN "
                  "to it or run 'huggingface-cli login'",
              "", ""}}};
}

}  // namespace tessera
