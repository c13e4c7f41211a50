#include "ui/widgets/series_index.h"

#include <algorithm>

namespace tessera::ui {

void SeriesIndex::clear() {
    *this = [length = m_length] {
        SeriesIndex fresh;
        fresh.m_length = length;
        fresh.m_mean = DebiasedMean(length);
        return fresh;
    }();
}

void SeriesIndex::update(const CurvePoints& points) {
    const auto size = std::min(points.x.size(), points.y.size());
    for (; m_count < size; ++m_count) {
        if (m_count % kBucket == 0) {
            m_buckets.emplace_back();
            m_buckets.back().before = m_mean;
        }
        auto& bucket = m_buckets.back();
        const double x = points.x[m_count], y = points.y[m_count];
        if (!std::isfinite(x) || !std::isfinite(y)) bucket.complete = false;
        if (!std::isfinite(x)) continue;
        if (std::isnan(bucket.firstX)) bucket.firstX = x;
        bucket.lastX = x;
        if (x <= 0) ++m_notPositiveX;
        if (!std::isfinite(y)) continue;
        if (y <= 0) ++m_notPositive;
        bucket.values.add(y);
        if (m_length > 0) bucket.means.add(m_mean.add(x, y));
    }
}

void SeriesIndex::setLength(double length, const CurvePoints& points) {
    if (length == m_length) return;
    m_length = length;
    clear();
    update(points);
}

double SeriesIndex::firstX() const {
    for (const auto& bucket : m_buckets)
        if (!std::isnan(bucket.firstX)) return bucket.firstX;
    return std::nan("");
}

double SeriesIndex::lastX() const {
    for (auto bucket = m_buckets.rbegin(); bucket != m_buckets.rend(); ++bucket)
        if (!std::isnan(bucket->lastX)) return bucket->lastX;
    return std::nan("");
}

std::size_t SeriesIndex::lowerBound(const CurvePoints& points, double x) const {
    // A bucket without any finite x counts with its predecessor, which the scan below walks over.
    std::size_t low = 0, high = m_buckets.size();
    while (low < high) {
        const auto middle = low + (high - low) / 2;
        auto known = middle;
        while (known > low && std::isnan(m_buckets[known].lastX)) --known;
        if (m_buckets[known].lastX < x || std::isnan(m_buckets[known].lastX))
            low = middle + 1;
        else
            high = known;
    }
    for (auto i = low * kBucket; i < m_count; ++i)
        if (points.x[i] >= x) return i;
    return m_count;
}

Extent SeriesIndex::extent(const CurvePoints& points, std::size_t begin, std::size_t end, bool mean) const {
    Extent result;
    end = std::min(end, m_count);
    mean = mean && m_length > 0;
    for (auto i = begin; i < end;) {
        const auto bucket = i / kBucket;
        const auto stop = std::min(end, (bucket + 1) * kBucket);
        if (i % kBucket == 0 && stop == std::min(m_count, (bucket + 1) * kBucket)) {
            result.add(mean ? m_buckets[bucket].means : m_buckets[bucket].values);
        } else if (mean) {
            auto running = m_buckets[bucket].before;
            for (auto k = bucket * kBucket; k < stop; ++k) {
                const double value = running.add(points.x[k], points.y[k]);
                if (k >= i && std::isfinite(points.x[k]) && std::isfinite(points.y[k])) result.add(value);
            }
        } else {
            for (auto k = i; k < stop; ++k)
                if (std::isfinite(points.x[k]) && std::isfinite(points.y[k])) result.add(points.y[k]);
        }
        i = stop;
    }
    return result;
}

void SeriesIndex::means(const CurvePoints& points, std::size_t begin, std::size_t end,
                        std::vector<double>& out) const {
    out.clear();
    end = std::min(end, m_count);
    if (begin >= end) return;
    if (m_length <= 0) {
        out.assign(points.y.begin() + static_cast<std::ptrdiff_t>(begin),
                   points.y.begin() + static_cast<std::ptrdiff_t>(end));
        return;
    }
    auto running = m_buckets[begin / kBucket].before;
    for (auto i = begin / kBucket * kBucket; i < end; ++i) {
        const double value = running.add(points.x[i], points.y[i]);
        if (i < begin) continue;
        out.push_back(std::isfinite(points.x[i]) && std::isfinite(points.y[i]) ? value : std::nan(""));
    }
}

std::size_t SeriesIndex::advance(const CurvePoints& points, std::size_t from, std::size_t guess,
                                 double edge) const {
    // Steps are mostly even, so that a column holds about as many as the one before it.
    constexpr int kSteps = 4;
    auto at = std::min(from + guess, m_count);
    for (int i = 0; i < kSteps; ++i) {
        const bool below = at == from || points.x[at - 1] < edge;
        const bool reached = at == m_count || points.x[at] >= edge;
        if (below && reached) return at;
        if (!below && at > from)
            --at;
        else if (at < m_count)
            ++at;
    }
    return std::max(from, lowerBound(points, edge));
}

void SeriesIndex::collect(const CurvePoints& points, std::size_t begin, std::size_t end,
                          DebiasedMean& running, Column& column) const {
    bool any = false;
    const auto take = [&](std::size_t i) {
        const double x = points.x[i], y = points.y[i];
        if (!std::isfinite(x) || !std::isfinite(y)) {
            (any ? column.gapAfter : column.gapBefore) = true;
            return;
        }
        column.values.add(y);
        if (m_length > 0) {
            column.lastMean = running.add(x, y);
            column.means.add(column.lastMean);
        } else {
            column.lastMean = y;
        }
        if (!any) column.first = y, column.firstMean = column.lastMean;
        any = true;
        column.last = y;
        column.gapAfter = false;
    };
    for (auto i = begin; i < end;) {
        const auto bucket = i / kBucket;
        const auto stop = std::min(end, (bucket + 1) * kBucket);
        const bool whole = i % kBucket == 0 && stop == std::min(m_count, (bucket + 1) * kBucket);
        if (whole && m_buckets[bucket].complete) {
            if (!any) {
                column.first = column.firstMean = points.y[i];
                auto first = m_buckets[bucket].before;
                if (m_length > 0) column.firstMean = first.add(points.x[i], points.y[i]);
                any = true;
            }
            column.values.add(m_buckets[bucket].values);
            column.means.add(m_buckets[bucket].means);
            column.last = points.y[stop - 1];
            column.gapAfter = false;
            running = bucket + 1 < m_buckets.size() ? m_buckets[bucket + 1].before : m_mean;
            column.lastMean = m_length > 0 ? running.value() : column.last;
        } else {
            for (; i < stop; ++i) take(i);
        }
        i = stop;
    }
    if (m_length <= 0) column.means = column.values;
    if (!any && begin < end) column.gapAfter = true;
}

void SeriesIndex::columns(const CurvePoints& points, std::span<const double> edges,
                          std::vector<Column>& out) const {
    out.clear();
    if (edges.size() < 2) return;
    out.resize(edges.size() - 1);
    auto begin = lowerBound(points, edges[0]);
    DebiasedMean running;
    if (begin < m_count) {
        running = m_buckets[begin / kBucket].before;
        for (auto i = begin / kBucket * kBucket; i < begin; ++i) running.add(points.x[i], points.y[i]);
    }
    const auto all = lowerBound(points, edges.back()) - begin;
    const bool snaps = all / out.size() >= kBucket;
    auto edge = begin;
    std::size_t count = 0;
    for (std::size_t c = 0; c + 1 < edges.size() && begin < m_count; ++c) {
        const auto next = advance(points, edge, count, edges[c + 1]);
        count = next - edge;
        edge = next;
        const auto end = snaps && c + 2 < edges.size()
                             ? std::clamp((edge + kBucket / 2) / kBucket * kBucket, begin, m_count)
                             : std::max(begin, edge);
        collect(points, begin, end, running, out[c]);
        begin = end;
    }
}

}  // namespace tessera::ui
