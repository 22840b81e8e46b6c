internal import Tensors

/// How far the values of one tensor lie from those of another, element by element.
public struct ValueError: Equatable, Sendable {
    public var elementCount = 0
    public var differingCount = 0
    /// NaN or infinite on one side only, or infinite with two signs.
    public var brokenCount = 0
    /// The figures below are of numbers; NaN against NaN counts as equal, NaN or infinity against anything else only as differing.
    public var largest = 0.0
    public var mean = 0.0
    /// The largest error over the largest magnitude of the first tensor; nil if that is all zero.
    public var largestRelative: Double?
    /// The sum of squared errors over the sum of squares; infinity for an error without a signal.
    public var noise = 0.0
    /// 10 log10 of the sum of squares over the sum of squared errors; nil without an error or without a signal.
    public var sqnrDecibels: Double?
    /// Of both as vectors; nil if one is all zero.
    public var cosine: Double?

    /// No element differs.
    public var isEqual: Bool { differingCount == 0 }
}

/// Sums for a `ValueError`, filled piece by piece.
struct ErrorSums {
    private var count = 0, differing = 0, finite = 0, broken = 0
    private var largest = 0.0, peak = 0.0, absolute = 0.0, squares = 0.0
    private var aa = 0.0, bb = 0.0, ab = 0.0
    /// Elements a step; fills whole bytes of every type.
    private static let step = 1 << 15

    mutating func add(_ a: [Double], _ b: [Double]) {
        count += a.count
        for index in a.indices {
            let x = a[index], y = b[index]
            if x == y || x.isNaN && y.isNaN {
                if x.isFinite { aa += x * x; bb += x * x; ab += x * x; peak = max(peak, x.magnitude); finite += 1 }
                continue
            }
            differing += 1
            guard x.isFinite, y.isFinite else { broken += 1; continue }
            finite += 1
            let error = (x - y).magnitude
            largest = max(largest, error)
            peak = max(peak, x.magnitude)
            absolute += error
            squares += error * error
            aa += x * x
            bb += y * y
            ab += x * y
        }
    }

    /// Two tensors of equal dims, both of numbers or both of strings.
    mutating func add(_ a: Tensor, _ b: Tensor) throws {
        if case .strings(let x) = a.encoding, case .strings(let y) = b.encoding {
            let (x, y) = (try x.strings(), try y.strings())
            count += x.count
            differing += zip(x, y).count { $0 != $1 }
            return
        }
        let x = try a.plainBytes(), y = try b.plainBytes(), all = a.elementCount ?? 0
        for start in stride(from: 0, to: all, by: Self.step) {
            let elements = min(Self.step, all - start)
            add(try a.elementType.decode(x, from: start, elements), try b.elementType.decode(y, from: start, elements))
        }
    }

    /// Those of other pieces of the same tensors.
    mutating func add(_ other: ErrorSums) {
        (count, differing, finite, broken) = (count + other.count, differing + other.differing, finite + other.finite, broken + other.broken)
        (largest, peak, absolute, squares) = (max(largest, other.largest), max(peak, other.peak), absolute + other.absolute, squares + other.squares)
        (aa, bb, ab) = (aa + other.aa, bb + other.bb, ab + other.ab)
    }

    var result: ValueError {
        var error = ValueError(elementCount: count, differingCount: differing, brokenCount: broken, largest: largest)
        error.mean = finite == 0 ? 0 : absolute / Double(finite)
        if peak > 0 { error.largestRelative = largest / peak }
        if squares > 0 { error.noise = aa > 0 ? squares / aa : .infinity }
        if squares > 0, aa > 0 { error.sqnrDecibels = 10 * decimalLogarithm(aa / squares) }
        if aa > 0, bb > 0 { error.cosine = min(1, max(-1, ab / (aa.squareRoot() * bb.squareRoot()))) }
        return error
    }
}

extension ElementType {
    /// `count` elements of the plain elements `bytes`, as numbers, from one that begins a byte.
    func decode(_ bytes: TensorBytes, from start: Int, _ count: Int) throws -> [Double] {
        // Both lie within the tensor, whose byte count is known to fit.
        guard let from = byteCount(elements: start), let length = byteCount(elements: count) else { return [] }
        return decode(try bytes.copy(from..<from + length), count: count)
    }
}
