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
    Extent extent;
    double first = 0, last = 0;                ///< where not empty
    bool gapBefore = false, gapAfter = false;  ///< a NaN lies before the first value, behind the last one
};

/// Finds points by x, and the exact extents of any range of points and of their debiased mean, in time that
/// hardly grows with the number of points. Holds a summary of every 64 points, none of the points: they are
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
    /// One column between every two neighbours of `edges` (ascending), the upper edge not included.
    void columns(const CurvePoints& points, std::span<const double> edges, bool mean,
                 std::vector<Column>& out) const;
    /// The mean at the points [begin, end).
    void means(const CurvePoints& points, std::size_t begin, std::size_t end, std::vector<double>& out) const;

  private:
    static constexpr std::size_t kBucket = 64;
    struct Bucket {
        double firstX = std::nan(""), lastX = std::nan("");
        Extent values, means;
        DebiasedMean before;  ///< as it was in front of the bucket's first point
    };

    std::vector<Bucket> m_buckets;
    DebiasedMean m_mean;
    double m_length = 0;
    std::size_t m_count = 0, m_notPositive = 0, m_notPositiveX = 0;
};

}  // namespace tessera::ui
