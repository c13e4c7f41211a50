// What models of the hub are called, where they are found on this machine, and one sentence that says what to
// do about those that the hub does not give.
#include "core/formats/model_family.h"
#include "session/hub_case.h"

using namespace tessera;
using namespace tessera::test;

class HubModelsTest : public QObject, HubCase {
    Q_OBJECT

  private Q_SLOTS:
    void init() { prepare(); }

    void tokenOfTheLogin() {
        fs::create_directories(at("hf"));
        writeFileAtomically(at("hf/token"), "hf_file\n");
        fetch();
        QCOMPARE(m_hub->hub().asked()[0].header("authorization"), std::string("Bearer hf_file"));
        set("HF_TOKEN_PATH", at("other").string());
        writeFileAtomically(at("other"), "hf_other");
        QCOMPARE(hubAccess().token, std::string("hf_other"));
        set("HF_TOKEN", "hf\r\nX-Evil: 1");
        EXPECT_ERROR(hubAccess(), InvalidInput, "characters that no token has");
        qunsetenv("HF_TOKEN");
        set("HF_TOKEN_PATH", at("none").string());
        QCOMPARE(hubAccess().token, std::string());
    }

    void noEndpoint() {
        set("HF_ENDPOINT", "huggingface.co");
        EXPECT_ERROR(fetch(), InvalidInput, "this is no address of a hub");
        qunsetenv("HF_ENDPOINT");
        QCOMPARE(hubAccess().endpoint, std::string("https://huggingface.co"));
        set("HF_HUB_OFFLINE", "1");
        EXPECT_ERROR(fetch(), Io, "HF_HUB_OFFLINE forbids");
    }

    void noAccess_data() {
        QTest::addColumn<int>("status");
        QTest::addColumn<QString>("code");
        QTest::addColumn<bool>("token");
        QTest::addColumn<QString>("said");
        QTest::newRow("terms") << 401 << "GatedRepo" << false << "only to people who accepted its terms";
        QTest::newRow("terms, with a token")
            << 403 << "GatedRepo" << true << "has not been given access to org/tiny";
        QTest::newRow("hidden") << 401 << "RepoNotFound" << false << "to nobody without a token";
        QTest::newRow("hidden, no code") << 401 << "" << false << "to nobody without a token";
        QTest::newRow("old token") << 401 << "" << true << "does not take your token for org/tiny";
    }
    void noAccess() {
        QFETCH(int, status);
        QFETCH(QString, code);
        QFETCH(bool, token);
        QFETCH(QString, said);
        // Gated models show their configuration's address to none; some show it and refuse the weights.
        for (const std::string refused : {"config.json", "model.safetensors"}) {
            if (token) set("HF_TOKEN", "hf_secret");
            m_hub->onHub([=, this](const Asked& asked, Line& line) {
                if (asked.path.find(refused) == std::string::npos) return false;
                line.answer(status, "X-Error-Code: " + code.toStdString() + "\r\n", "<html>");
                return true;
            });
            for (const auto& part : {said.toStdString(), "accept the terms at " + m_hub->url() + "/org/tiny",
                                     m_hub->url() + "/settings/tokens", std::string("set HF_TOKEN"),
                                     std::string("huggingface-cli login")})
                EXPECT_ERROR(fetch(), Io, part);
            try {
                fetch();
            } catch (const Error& error) {
                QVERIFY(std::string(error.what()).find("hf_secret") == std::string::npos);
            }
            checkNothing();
        }
    }

    void notThere() {
        EXPECT_ERROR(fetch("org/other"), NotFound, "the hub has no model org/other");
        checkNothing("org/other");
        m_hub->remove("model.safetensors");
        EXPECT_ERROR(fetch(), NotFound, "neither model.safetensors nor model.safetensors.index.json");
        putShards();
        m_hub->remove("model-00002-of-00002.safetensors");
        EXPECT_ERROR(fetch(), NotFound, "no model-00002-of-00002.safetensors of org/tiny at revision main");
        m_hub->remove("config.json");
        EXPECT_ERROR(fetch(), NotFound, "no config.json of org/tiny at revision main");
        // One that the store has lost.
        m_hub->put("config.json", "{}");
        m_hub->put("model.safetensors", m_weights, true);
        m_hub->onStore([](auto&, auto& line) { return line.answer(404), true; });
        EXPECT_ERROR(fetch(), NotFound, "no model.safetensors of org/tiny");
        m_hub->onStore(
            [](auto&, auto& line) { return line.answer(403, "", "<Error>expired</Error>"), true; });
        EXPECT_ERROR(fetch(), Io, "HTTP status 403");
        checkNothing();
    }

    /// What the hub's own tools downloaded is used as it is.
    void hubsOwnCache() {
        const auto folder = at("hf/hub/models--org--tiny");
        const auto commit = std::string(40, 'c'), snapshot = "snapshots/" + commit;
        fs::create_directories(folder / snapshot);
        fs::create_directories(folder / "refs");
        fs::create_directories(folder / "blobs");
        const auto link = [&](const std::string& name, const std::string& content) {
            writeFileAtomically(folder / "blobs" / sha256Hex(content), content);
            fs::create_symlink("../../blobs/" + sha256Hex(content), folder / snapshot / name);
        };
        link("config.json", "{}");
        link("model.safetensors.index.json",
             R"({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}})");
        link("model-1.safetensors", "one");
        writeFileAtomically(folder / "refs/main", commit);
        checkNothing();  // a shard is missing
        fs::create_symlink("../../blobs/unfinished", folder / snapshot / "model-2.safetensors");
        checkNothing();  // its blob is
        fs::remove(folder / snapshot / "model-2.safetensors");
        link("model-2.safetensors", "two");
        QCOMPARE(resolveModel("org/tiny").path, folder / snapshot);
        QCOMPARE(resolveModel("org/tiny@" + commit).path, folder / snapshot);
        checkNothing("org/tiny@other");
        QVERIFY(fetchableModel("org/tiny").installed());
        fetch();
        QVERIFY(m_hub->hub().asked().empty());
        // Elsewhere, and with a reference that leads astray.
        fs::rename(at("hf/hub"), at("moved"));
        checkNothing();
        set("HF_HUB_CACHE", at("moved").string());
        QVERIFY(resolveModel("org/tiny").path.string().starts_with(at("moved").string()));
        writeFileAtomically(at("moved/models--org--tiny/refs/main"), "../../../../etc");
        checkNothing();
        // One that was fetched comes first.
        writeFileAtomically(at("moved/models--org--tiny/refs/main"), commit);
        fs::create_directories(model());
        writeFileAtomically(model() / "config.json", "{}");
        writeFileAtomically(model() / "model.safetensors", m_weights);
        QCOMPARE(resolveModel("org/tiny").path, model());
    }

    void namesOfTheHub() {
        const auto repo = hubRepoOf("meta-llama/Llama-3.2-1B@refs/pr/5");
        QVERIFY(repo);
        QCOMPARE(repo->id, std::string("meta-llama/Llama-3.2-1B"));
        QCOMPARE(repo->revision, std::string("refs/pr/5"));
        QCOMPARE(hubRepoOf("a/b@main")->text(), std::string("a/b"));
        for (const char* text :
             {"",       "name",    "/a/b", "a/b/c",    "./a",    "../a",  "a/..",  "~/a",
              "a/",     "/b",      "a/b@", "a/b@../x", "a/b@/x", "a b/c", "a/b?x", "a/b%2F",
              "a--b/c", "a/b@x@y", "@a/b", "a/-b",     "a@b/c",  "a/.b"})
            QVERIFY2(!hubRepoOf(text), text);
        // A folder that is there is that folder, whatever it is called.
        const auto before = fs::current_path();
        fs::current_path(at("."));
        fs::create_directories("some/folder");
        const auto resolved = resolveModel("some/folder").path;
        fs::current_path(before);
        QCOMPARE(resolved, fs::path("some/folder"));
    }

    void catalogue() {
        std::set<std::string> names, repos;
        for (const auto& model : modelCatalogue()) {
            QVERIFY2(names.insert(model.name).second, model.name.c_str());
            QVERIFY2(familyOf(model.family) && !model.title.empty() && !model.licence.empty() &&
                         model.parameters > 0 && model.bytes > 0,
                     model.name.c_str());
            const auto repo = model.hubRepo();
            QCOMPARE(model.approximate, repo.has_value());
            if (!repo) continue;
            repos.insert(repo->id);
            QVERIFY(!model.installed());
            QCOMPARE(model.downloadBytes(), model.bytes);
            QCOMPARE(model.gated, repo->id.starts_with("meta-llama/") || repo->id.starts_with("google/"));
            QCOMPARE(fetchableModel(repo->id).name, model.name);
            EXPECT_ERROR(resolveModel(model.name), NotFound, "tessera-cli models fetch " + model.name);
        }
        for (const char* repo : {"Qwen/Qwen2.5-0.5B", "google/gemma-3-1b-pt", "meta-llama/Llama-3.2-1B",
                                 "meta-llama/Llama-3.2-3B", "meta-llama/Llama-3.1-8B",
                                 "meta-llama/Llama-2-7b-hf", "meta-llama/Llama-2-13b-hf"})
            QVERIFY2(repos.contains(repo), repo);
        QVERIFY(names.contains("starter") && names.contains("smollm2-135m"));
        // One of the catalogue, fetched under its name in the hub, is there under both.
        fs::create_directories(at("home/models/HuggingFaceTB--SmolLM2-360M"));
        for (const char* name : {"config.json", "model.safetensors"})
            writeFileAtomically(at("home/models/HuggingFaceTB--SmolLM2-360M") / name, "{}");
        QCOMPARE(resolveModel("smollm2-360m").path, resolveModel("HuggingFaceTB/SmolLM2-360M").path);
        EXPECT_ERROR(fetchableModel("nothing"), NotFound, "ORG/REPO");
    }
};

QTEST_GUILESS_MAIN(HubModelsTest)
#include "tst_hub_models.moc"
