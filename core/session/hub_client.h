#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/session/http_download.h"
#include "core/session/hub_repo.h"

namespace tessera {

/// What the hub says of a file.
struct HubFile {
    std::string name;
    std::optional<std::uint64_t> bytes;
    std::string etag;    ///< names the content; empty where the server gives none
    std::string sha256;  ///< of large files; empty for others
};

/// One model at one revision, asked at the hub's plain file addresses. The first answer that names a commit
/// fixes it: all further files are of that one, whatever the branch does meanwhile.
class HubClient {
  public:
    HubClient(HttpLoop& loop, HubAccess access, HubRepo repo);

    /// Nothing where the model has no such file. Throws Error{NotFound} for a model or revision that is not
    /// there, Error{Io} saying what to do for one that is not given to this person.
    std::optional<HubFile> find(const std::string& name);
    /// Throws Error{NotFound} where it is not there.
    HubFile require(const std::string& name);
    DownloadTarget target(const HubFile& file, const std::filesystem::path& folder) const;
    /// The commit, or the revision where the server names none.
    const std::string& revision() const { return m_revision; }

  private:
    std::string address(const std::string& name) const;
    std::string page() const { return m_access.endpoint + "/" + m_repo.id; }
    Error refusal(const HttpReply& reply, const std::string& name) const;
    Error noAccess(const HttpReply& reply) const;

    HttpLoop& m_loop;
    const HubAccess m_access;
    const HubRepo m_repo;
    std::string m_revision;
    bool m_fixed = false;
};

}  // namespace tessera
