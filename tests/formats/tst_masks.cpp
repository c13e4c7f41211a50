#include "core/base/file_io.h"
#include "core/formats/mask_set.h"
#include "core/formats/tensor_source.h"
#include "support/numpy.h"
#include "support/support.h"

using namespace tessera;

namespace {

MaskSet example() {
    MaskSet set;
    for (const auto& [name, rows, cols] : {std::tuple{"model.layers.0.self_attn.q_proj.weight", 8, 16},
                                           {"model.layers.0.mlp.up_proj.weight", 3, 5}}) {
        PackedMask mask(rows, cols);
        for (std::int64_t i = 0; i < rows * cols; ++i)
            if ((i * 5 + i / 7) % 3 == 0) mask.keep(i);
        set.masks.emplace(name, mask);
    }
    set.meta = {{"repo", "tessera"}, {"sparsity", "50%"}, {"base_model", "Modell \xc3\xbc"}};
    return set;
}

bool same(const MaskSet& a, const MaskSet& b) {
    if (a.masks.size() != b.masks.size() || a.meta != b.meta) return false;
    for (const auto& [name, mask] : a.masks) {
        const auto found = b.masks.find(name);
        if (found == b.masks.end() || found->second.rows != mask.rows || found->second.cols != mask.cols ||
            found->second.bits != mask.bits)
            return false;
    }
    return true;
}

}  // namespace

class TestMasks : public QObject {
    Q_OBJECT
    test::Scratch m_scratch;

  private Q_SLOTS:
    void roundTripAndSameBytes() {
        const auto set = example();
        writeMasks(m_scratch / "a.npz", set);
        QVERIFY(same(readMasks(m_scratch / "a.npz"), set));
        QTest::qWait(1100);  // the archive's time stamps count in seconds
        writeMasks(m_scratch / "b.npz", set);
        QCOMPARE(readFile(m_scratch / "a.npz"), readFile(m_scratch / "b.npz"));
    }

    /// numpy reads what we write, and we read what numpy writes, deflated or stored.
    void numpy() {
        const auto python = test::numpyPython();
        if (python.isEmpty()) QSKIP("python3 with numpy is not installed");
        const auto set = example();
        writeMasks(m_scratch / "ours.npz", set);
        const QString script = R"(
import json, sys, numpy as np
ours, deflated, stored = sys.argv[1:4]
import zipfile
for entry in zipfile.ZipFile(ours).infolist():
    assert entry.compress_type == zipfile.ZIP_DEFLATED and entry.filename.endswith('.npy')
z = np.load(ours, allow_pickle=False)
assert sorted(z.files) == sorted([n + s for n in z.files for s in ('', '.__shape__')
                                  if n + '.__shape__' in z.files] + ['__meta__'])
names = [n for n in z.files if not n.endswith('.__shape__') and n != '__meta__']
assert len(names) == 2
for n in names:
    shape = z[n + '.__shape__']
    assert shape.dtype == np.int64 and shape.shape == (2,)
    assert z[n].dtype == np.uint8 and z[n].shape == ((shape[0] * shape[1] + 7) // 8,)
    keep = np.unpackbits(z[n])[:shape[0] * shape[1]].reshape(shape)
    assert (np.packbits(keep.reshape(-1)) == z[n]).all()  # the last byte padded with zeros
    i = np.arange(keep.size).reshape(shape)
    assert (keep == ((i * 5 + i // 7) % 3 == 0)).all()
meta = z['__meta__']
assert meta.shape == () and meta.dtype.kind == 'U' and json.loads(str(meta))['base_model'] == 'Modell \u00fc'
out = {n: z[n] for n in z.files}
out['__meta__'] = np.array(json.dumps(json.loads(str(meta)), ensure_ascii=False))
np.savez_compressed(deflated, **out)
np.savez(stored, **out)
)";
        const auto said = test::runPython(python, script,
                                          {QString::fromStdString((m_scratch / "ours.npz").string()),
                                           QString::fromStdString((m_scratch / "deflated.npz").string()),
                                           QString::fromStdString((m_scratch / "stored.npz").string())});
        QVERIFY2(said.isEmpty(), said.constData());
        QVERIFY(same(readMasks(m_scratch / "deflated.npz"), set));
        QVERIFY(same(readMasks(m_scratch / "stored.npz"), set));
    }

    void halfPrecision() {
        for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
            const auto half = static_cast<std::uint16_t>(bits);
            const bool nan = (half & 0x7c00) == 0x7c00 && (half & 0x3ff);
            if (!nan) QCOMPARE(floatToF16(f16ToFloat(half)), half);
            if (!((half & 0x7f80) == 0x7f80 && (half & 0x7f))) QCOMPARE(floatToBf16(bf16ToFloat(half)), half);
        }
        QCOMPARE(floatToBf16(1.00390625f), std::uint16_t(0x3f80));
        QCOMPARE(floatToF16(65520.0f), std::uint16_t(0x7c00));
        QCOMPARE(floatToF16(65519.0f), std::uint16_t(0x7bff));
    }
};

QTEST_GUILESS_MAIN(TestMasks)
#include "tst_masks.moc"
