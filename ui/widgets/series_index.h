#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "ui/widgets/smoothing.h"

namespace tessera::ui {

/// The points of a curve: x ascending, y NaN where the line breaks (x may be NaN there, too).
struct CurvePoints {
    std::span<const double> x, y;
};

/// Least and greatest value of some points. Empty while `least` is above `greatest`.
struct Extent {
    double least = std::numeric_limits<double>::infinity();
    double greatest = -std::numeric_limits<double>::infinity();
    double leastPositive = std::numeric_limits<double>::infinity();  ///< what a logarithmic axis begins at

    bool empty() const { return !(least <= greatest); }
    void add(double value) {
        if (value < least) least = value;
        if (value > greatest) greatest = value;
        if (value > 0 && value < leastPositive) leastPositive = value;
    }
    void add(const Extent& other) {
        if (other.least < least) least = other.least;
        if (other.greatest > greatest) greatest = other.greatest;
        if (other.leastPositive < leastPositive) leastPositive = other.leastPositive;
    }
};

/// What falls into one pixel column.
struct Column {
    Extent values, means;
    double first = 0, last = 0, firstMean = 0, lastMean = 0;  ///< where not empty
    bool gapBefore = false, gapAfter = false;  ///< a NaN lies before the first value, behind the last one

    bool empty() const { return values.empty(); }
};

/// Finds points by x, and the exact extents of any range of points and of their debiased mean, in time that
/// hardly grows with the number of points. Holds a summary of every 32 points, none of the points: they are
/// passed in again, the same with more at the end. O(new points) to update. Plain values, no Qt.
class SeriesIndex {
  public:
    /// Takes in what lies behind the points seen so far.
    void update(const CurvePoints& points);
    void clear();
    /// Length of the mean in units of x, 0: the values themselves. O(points).
    void setLength(double length, const CurvePoints& points);
    double length() const { return m_length; }

    std::size_t size() const { return m_count; }
    std::size_t notPositive() const {
        return m_notPositive;
    }  ///< values that a logarithmic y axis cannot show
    std::size_t notPositiveX() const {
        return m_notPositiveX;
    }  ///< points that a logarithmic x axis cannot show
    /// First and last finite x; NaN where there is none.
    double firstX() const;
    double lastX() const;

    /// Index of the first point with a finite x not below `x`; size() where there is none.
    std::size_t lowerBound(const CurvePoints& points, double x) const;
    /// Extent of the points [begin, end), or of their mean.
    Extent extent(const CurvePoints& points, std::size_t begin, std::size_t end, bool mean = false) const;
    /// One column between every two neighbours of `edges` (ascending), the upper edge not included; without a
    /// length the means are the values. Where columns hold 32 points or more, they begin and end at multiples
    /// of 32 points: at most half a column beside the edge, and every point is in exactly one of them.
    void columns(const CurvePoints& points, std::span<const double> edges, std::vector<Column>& out) const;
    /// The mean at the points [begin, end).
    void means(const CurvePoints& points, std::size_t begin, std::size_t end, std::vector<double>& out) const;

  private:
    std::size_t advance(const CurvePoints& points, std::size_t from, std::size_t guess, double edge) const;
    void collect(const CurvePoints& points, std::size_t begin, std::size_t end, DebiasedMean& running,
                 Column& column) const;

    static constexpr std::size_t kBucket = 32;
    struct Bucket {
        double firstX = std::nan(""), lastX = std::nan("");
        Extent values, means;
        bool complete = true;  ///< has no gap
        DebiasedMean before;   ///< as it was in front of the bucket's first point
    };

    std::vector<Bucket> m_buckets;
    DebiasedMean m_mean;
    double m_length = 0;
    std::size_t m_count = 0, m_notPositive = 0, m_notPositiveX = 0;
};

}  // namespace tessera::ui
