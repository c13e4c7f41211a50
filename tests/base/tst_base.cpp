#include <new>

#include "core/base/caught.h"
#include "core/base/file_io.h"
#include "core/base/json.h"
#include "core/base/mapped_file.h"
#include "core/base/memory_limits.h"
#include "core/base/sha256.h"
#include "core/base/system_info.h"
#include "support/support.h"

using namespace tessera;
namespace fs = std::filesystem;

class TestBase : public QObject {
    Q_OBJECT
    test::Scratch m_scratch;

  private Q_SLOTS:
    /// FIPS 180-2's examples.
    void sha256() {
        QCOMPARE(sha256Hex(std::string_view("")),
                 std::string("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
        QCOMPARE(sha256Hex(std::string_view("abc")),
                 std::string("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
        Sha256 hash;
        for (int i = 0; i < 1000; ++i) hash.add(std::string(1000, 'a'));
        QCOMPARE(hash.hex(), std::string("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"));
    }

    /// What a container may still take is less than what the machine has; pages of files make room.
    void controlGroupsLimitMemory() {
        const test::Scratch scratch;
        const auto root = scratch / "cgroup";
        const auto say = [&](const char* file, const std::string& text) {
            fs::create_directories((root / file).parent_path());
            writeFileAtomically(root / file, text);
        };
        say("memory.max", "max\n");
        say("box/memory.max", "1000\n");
        say("box/memory.current", "700\n");
        say("box/memory.stat", "anon 400\ninactive_file 200\nactive_file 60\nfile 290\n");
        say("box/task/memory.max", "max\n");
        say("box/tight/memory.max", "300\n");
        say("box/tight/memory.current", "500\n");
        QCOMPARE(freeInControlGroups("0::/box/task\n", root), std::optional<std::uint64_t>(560));
        QCOMPARE(freeInControlGroups("0::/box/tight\n", root), std::optional<std::uint64_t>(0));
        QCOMPARE(freeInControlGroups("0::/\n", root), std::optional<std::uint64_t>());
        QCOMPARE(freeInControlGroups("0::/gone/away\n", root), std::optional<std::uint64_t>());
        QCOMPARE(freeInControlGroups("", root), std::optional<std::uint64_t>());
        QCOMPARE(freeInControlGroups("nonsense\n1:\n", root), std::optional<std::uint64_t>());
        // The first version: its own folder, its own names, a vast number for none.
        say("memory/memory.limit_in_bytes", "9223372036854771712\n");
        say("memory/old/memory.limit_in_bytes", "900\n");
        say("memory/old/memory.usage_in_bytes", "800\n");
        say("memory/old/memory.stat", "active_file 1\ntotal_inactive_file 100\ntotal_active_file 50\n");
        QCOMPARE(freeInControlGroups("5:cpu,memory:/old\n4:cpuset:/box\n0::/\n", root),
                 std::optional<std::uint64_t>(250));
        QCOMPARE(freeInControlGroups("5:memory:/\n0::/box\n", root), std::optional<std::uint64_t>(560));
        QVERIFY(systemInfo().memoryAvailable > 0);
    }

    /// One line whatever the names in it are, with advice even where the thrower gave none.
    void errorsAreOneLine() {
        const Error rude(ErrorCode::Corrupt, "bad\nname\x1b[31m", "file\r");
        const std::string line = rude.what();
        QVERIFY(line.find_first_of("\n\r\x1b") == std::string::npos);
        QVERIFY(line.find("What to do: ") != std::string::npos);
        QVERIFY(std::string(Error(ErrorCode::Cancelled, "stopped").what()) == "stopped");
        const Error two(ErrorCode::Io, "a", "b", {{"one", "", ""}, {"two", "", ""}});
        QCOMPARE(std::string(two.what()), std::string("a (b). What to do: one; or two"));
    }

    void anyExceptionIsAnError() {
        QVERIFY(caughtError(std::bad_alloc()).code() == ErrorCode::OutOfMemory);
        QVERIFY(caughtError(std::runtime_error("first\nsecond")).summary() == "first");
        try {
            Json::parse("{}").at("missing");
        } catch (const std::exception& error) {
            QVERIFY(caughtError(error).code() == ErrorCode::Corrupt);
        }
        try {
            static_cast<void>(fs::file_size(m_scratch / "none"));
        } catch (const std::exception& error) {
            QVERIFY(caughtError(error).code() == ErrorCode::NotFound);
        }
    }

    void jsonDepth() {
        const auto nested = [](std::size_t depth) {
            return std::string(depth, '[') + std::string(depth, ']');
        };
        QVERIFY(parseJson(nested(200), "x").is_array());
        EXPECT_ERROR(parseJson(nested(201), "x"), Corrupt, "nested deeper");
        EXPECT_ERROR(parseJson(nested(100000), "x"), Corrupt, "x, byte 200");
        EXPECT_ERROR(parseJson(std::string(100000, '['), "x"), Corrupt, "nested deeper");
        // Brackets in texts nest nothing.
        QCOMPARE(parseJson("[\"" + std::string(1000, '[') + "\\\"[\"]", "x").size(), std::size_t(1));
        EXPECT_ERROR(parseJson("{\"a\": }", "x"), Corrupt, "byte 7");
        EXPECT_ERROR(parseJson("\"\xff\"", "x"), Corrupt, "not valid JSON");
        EXPECT_ERROR(parseJson("", "x"), Corrupt, "not valid JSON");
        QCOMPARE(dumpLine({{"a", "\xff"}}), std::string("{\"a\":\"\xef\xbf\xbd\"}"));
    }

    void atomicFilesAreWholeOrNotThere() {
        const auto path = m_scratch / "file";
        writeFileAtomically(path, "old");
        {
            AtomicFile file(path);
            file.write("half of the n");
            QCOMPARE(readFile(path), std::string("old"));
        }
        QCOMPARE(readFile(path), std::string("old"));
        {
            AtomicFile file(path);
            file.write("new");
            file.commit();
        }
        QCOMPARE(readFile(path), std::string("new"));
        QCOMPARE(std::distance(fs::directory_iterator(path.parent_path()), fs::directory_iterator()),
                 std::ptrdiff_t(1));
        EXPECT_ERROR(writeFileAtomically(m_scratch / "none/file", "x"), NotFound, "none/file");
        EXPECT_ERROR(readFile(path, 2), InvalidInput, "longer than the 2 bytes");
        EXPECT_ERROR(readFile(path.parent_path()), InvalidInput, "a folder");
    }

    void mappedFiles() {
        writeFileAtomically(m_scratch / "empty", "");
        QCOMPARE(MappedFile(m_scratch / "empty").bytes().size(), std::size_t(0));
        const std::string text(20000, 'x');
        writeFileAtomically(m_scratch / "full", text);
        const MappedFile file(m_scratch / "full");
        file.release(0, 20000);
        file.release(19999, 100000);
        file.release(30000, 1);
        QVERIFY(std::equal(text.begin(), text.end(), reinterpret_cast<const char*>(file.bytes().data())));
        EXPECT_ERROR(MappedFile(m_scratch / "none"), NotFound, "none");
        EXPECT_ERROR(MappedFile("/dev/null"), Io, "regular file");
        EXPECT_ERROR(MappedFile("/tmp"), Io, "regular file");
    }

    void theMachine() {
        const auto info = systemInfo();
        QVERIFY(info.cores >= 1);
        QVERIFY(info.memoryTotal >= info.memoryAvailable && info.memoryAvailable > 0);
        const auto resident = residentBytes();
        QVERIFY(resident > 0 && peakResidentBytes() >= resident);
        QVERIFY(freeDiskBytes(m_scratch / "not/there/yet") > 0);
        QCOMPARE(utcTimestamp().size(), std::size_t(20));
    }
};

QTEST_APPLESS_MAIN(TestBase)
#include "tst_base.moc"
