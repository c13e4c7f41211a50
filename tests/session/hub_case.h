#pragma once

#include "core/session/model_catalogue.h"
#include "support/fake_hub.h"
#include "support/support.h"

namespace tessera::test {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// What the tests of the hub's models share: a hub with one small model, and a home of its own.
struct HubCase {
    std::unique_ptr<Scratch> m_scratch;
    std::unique_ptr<FakeHub> m_hub;
    HttpOptions m_options;
    std::string m_weights;
    std::uint64_t m_done = 0, m_total = 0;

    fs::path at(const std::string& name) { return *m_scratch / name; }
    fs::path model() { return at("home/models/org--tiny"); }
    static void set(const char* name, const std::string& value) { qputenv(name, value.c_str()); }

    void fetch(const std::string& name = "org/tiny") {
        const Cancellation none;
        fetchModel(
            fetchableModel(name),
            [this](std::uint64_t done, std::uint64_t total) {
                QVERIFY(done <= total);
                m_done = done;
                m_total = total;
            },
            none, m_options);
    }
    void checkWhole() {
        QCOMPARE(resolveModel("org/tiny").path, model());
        for (const auto& entry : fs::directory_iterator(model()))
            QVERIFY2(entry.path().extension() != ".part" && !entry.path().string().ends_with(".fetch.json"),
                     entry.path().c_str());
        QVERIFY(!fs::exists(model().string() + ".fetching"));
        QVERIFY(m_total > 0 && m_done == m_total);
    }
    void checkNothing(const std::string& name = "org/tiny") {
        QVERIFY(!fs::exists(model()));
        QVERIFY(!fetchableModel(name).installed());
        EXPECT_ERROR(resolveModel(name), NotFound, "tessera-cli models fetch " + name);
    }
    void putShards(const std::string& second = "model-00002-of-00002.safetensors") {
        m_hub->remove("model.safetensors");
        m_hub->put("model-00001-of-00002.safetensors", m_weights, true);
        m_hub->put("model-00002-of-00002.safetensors",
                   tinyWeights(at("made"), 5000, 5, "model.embed_tokens.weight"), true);
        m_hub->put("model.safetensors.index.json",
                   Json{{"weight_map",
                         {{"model.norm.weight", "model-00001-of-00002.safetensors"},
                          {"model.embed_tokens.weight", second}}}}
                       .dump());
    }

    void prepare() {
        for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE",
                                 "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "HF_HUB_OFFLINE"})
            qunsetenv(name);
        m_scratch = std::make_unique<Scratch>();
        m_hub = std::make_unique<FakeHub>();
        m_weights = tinyWeights(at("made"), 100'000);
        m_hub->put("config.json", R"({"model_type": "llama"})");
        m_hub->put("tokenizer.json", R"({"model": {}})");
        m_hub->put("model.safetensors", m_weights, true);
        m_hub->put("README.md", "not for us");
        m_hub->put("pytorch_model.bin", "nor this", true);
        set("no_proxy", "127.0.0.1");
        set("HF_ENDPOINT", m_hub->url() + "/");
        set("TESSERA_DATA_HOME", at("home").string());
        set("TESSERA_RESOURCES", TESSERA_SOURCE_DIR "/resources");
        set("HF_HOME", at("hf").string());
        m_options = HttpOptions();
        m_options.attempts = 2;
        m_options.backoff = 1ms;
        m_done = m_total = 0;
    }
};

}  // namespace tessera::test
