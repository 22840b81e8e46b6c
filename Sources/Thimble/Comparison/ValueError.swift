internal import Tensors

/// How far the values of one tensor lie from those of another, element by element.
public struct ValueError: Equatable, Sendable {
    public var elementCount = 0
    public var differingCount = 0
    /// The figures below are of numbers; NaN against NaN counts as equal, NaN or infinity against anything else only as differing.
    public var largest = 0.0
    public var mean = 0.0
    /// 10 log10 of the sum of squares over the sum of squared errors; nil without an error or without a signal.
    public var sqnrDecibels: Double?
    /// Of both as vectors; nil if one is all zero.
    public var cosine: Double?
}

/// Sums for a `ValueError`, filled piece by piece.
struct ErrorSums {
    private var count = 0, differing = 0, finite = 0
    private var largest = 0.0, absolute = 0.0, squares = 0.0
    private var aa = 0.0, bb = 0.0, ab = 0.0

    mutating func add(_ a: [Double], _ b: [Double]) {
        count += a.count
        for index in a.indices {
            let x = a[index], y = b[index]
            if x == y || x.isNaN && y.isNaN {
                if x.isFinite { aa += x * x; bb += x * x; ab += x * x; finite += 1 }
                continue
            }
            differing += 1
            guard x.isFinite, y.isFinite else { continue }
            finite += 1
            let error = (x - y).magnitude
            largest = max(largest, error)
            absolute += error
            squares += error * error
            aa += x * x
            bb += y * y
            ab += x * y
        }
    }

    var result: ValueError {
        var error = ValueError(elementCount: count, differingCount: differing, largest: largest)
        error.mean = finite == 0 ? 0 : absolute / Double(finite)
        if squares > 0, aa > 0 { error.sqnrDecibels = 10 * decimalLogarithm(aa / squares) }
        if aa > 0, bb > 0 { error.cosine = min(1, max(-1, ab / (aa.squareRoot() * bb.squareRoot()))) }
        return error
    }
}
