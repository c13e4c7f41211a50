// Trees of requests: every request's path is its input, what is shared is there once.
#include <QTest>
#include <set>

#include "core/evaluate/tasks/token_tree.h"
#include "support/support.h"

using namespace tessera;

using Ids = std::vector<std::int32_t>;

class TestTokenTree : public QObject {
    Q_OBJECT

    /// The tokens from the root to a node.
    static Ids path(const TokenTree& tree, std::size_t node) {
        Ids ids;
        for (auto at = static_cast<std::int64_t>(node); at >= 0;
             at = tree.parents()[static_cast<std::size_t>(at)])
            ids.insert(ids.begin(), tree.tokens()[static_cast<std::size_t>(at)]);
        return ids;
    }

  private Q_SLOTS:
    void sharesBeginnings() {
        TokenTree tree;
        tree.add({{1, 2, 3, 4}, {9, 8}}, 0);
        tree.add({{1, 2, 3, 5, 6}, {7, 6, 5}}, 1);
        tree.add({{1, 2, 3}, {4}}, 2);
        QCOMPARE(tree.tokens(), (Ids{1, 2, 3, 4, 5, 6}));
        QCOMPARE(tree.positions(), (Ids{0, 1, 2, 3, 3, 4}));
        QCOMPARE(tree.parents(), (std::vector<std::int64_t>{-1, 0, 1, 2, 2, 4}));
        QCOMPARE(tree.trunk(), std::size_t(3));
        QCOMPARE(tree.shared({1, 2, 9}), std::size_t(2));
        std::multiset<std::string> seen;
        for (const auto& p : tree.predictions())
            seen.insert(std::to_string(p.node) + ">" + std::to_string(p.target) + "/" +
                        std::to_string(p.request));
        QCOMPARE(seen, (std::multiset<std::string>{"2>9/0", "3>8/0", "2>7/1", "4>6/1", "5>5/1", "2>4/2"}));
    }

    void severalRoots() {
        TokenTree tree;
        tree.add({{1, 2}, {3}}, 0);
        tree.add({{4, 2}, {3}}, 1);
        QCOMPARE(tree.trunk(), std::size_t(0));
        QCOMPARE(tree.parents(), (std::vector<std::int64_t>{-1, 0, -1, 2}));
    }

    /// Twins share a tree, strangers do not, and the predictions are those of each request whatever the
    /// order.
    void growsForItems() {
        std::vector<std::vector<EncodedRequest>> items{
            {{{1, 2, 3, 4}, {5}}, {{1, 2, 3, 6}, {5}}},
            {{{7, 7, 7}, {1}}},
            {{{1, 2, 3, 8}, {5}}},
            {{{1, 9, 9, 9}, {2}}},
        };
        const auto trees = growTrees(items, 100);
        QCOMPARE(trees.size(), std::size_t(3));
        std::vector<EncodedRequest> flat;
        for (const auto& item : items) flat.insert(flat.end(), item.begin(), item.end());
        std::set<std::size_t> requests;
        for (const auto& tree : trees)
            for (const auto& p : tree.predictions()) {
                requests.insert(p.request);
                QCOMPARE(path(tree, p.node), flat[p.request].input);
                QCOMPARE(p.target, flat[p.request].targets[0]);
            }
        QCOMPARE(requests.size(), flat.size());
        // A tree that would grow too large is not joined.
        QCOMPARE(growTrees(items, 8).size(), std::size_t(4));
    }
};

QTEST_APPLESS_MAIN(TestTokenTree)
#include "tst_token_tree.moc"
