internal import Tensors

/// Rules for dims that several operators share.
extension InferenceCall {
    /// Multidirectional broadcasting, as `Broadcast` does it; nil if a rank is not known.
    func broadcast(_ shapes: [[Dim]?]) throws -> [Dim]? {
        var result: [Dim] = []
        for shape in shapes {
            guard let shape else { return nil }
            result = try Self.broadcast(result, shape)
        }
        return result
    }

    private static func broadcast(_ a: [Dim], _ b: [Dim]) throws -> [Dim] {
        if a == b, !a.contains(.unknown) { return a }
        let rank = max(a.count, b.count)
        var result: [Dim] = []
        result.reserveCapacity(rank)
        for axis in 0..<rank {
            let x = axis - rank + a.count, y = axis - rank + b.count
            let (i, j) = (x >= 0 ? a[x] : 1, y >= 0 ? b[y] : 1)
            guard let dim = broadcast(i, j) else {
                throw ModelError(.invalidGraph, "cannot combine \(a.text) with \(b.text): axis \(axis) is \(i) and \(j)")
            }
            result.append(dim)
        }
        return result
    }

    /// Nil if the two can never be combined.
    static func broadcast(_ a: Dim, _ b: Dim) -> Dim? {
        if a == 1 { return b }
        if b == 1 || a.isSame(as: b) { return a }
        // min(n, c) beside n is n wherever the two can be combined: as itself, as 1 beside 1, and as 1 = c.
        if a.isLeast(of: b) { return b }
        if b.isLeast(of: a) { return a }
        // Where one is not 1, the other is the same or 1.
        let (x, y) = (a.value != nil || a.lowerBound ?? 0 > 1, b.value != nil || b.lowerBound ?? 0 > 1)
        if x && y { return a.isDifferent(from: b) ? nil : a.value != nil ? a : b }
        return x ? a : y ? b : .unknown
    }

    /// The one size that both must be. Throws if they differ for sure.
    func same(_ a: Dim, _ b: Dim, _ message: @autoclosure () -> String) throws -> Dim {
        if a.isDifferent(from: b) { throw ModelError(.invalidGraph, "\(message()): \(a) and \(b)") }
        return a.value != nil || b.isUnknown ? a : b.value != nil || a.isUnknown ? b : a
    }

    /// The dims that all of these must have, from what is known of any; nil if no rank is known. Throws if two differ for sure.
    func same(_ shapes: [[Dim]?], _ message: @autoclosure () -> String) throws -> [Dim]? {
        var result: [Dim]?
        for shape in shapes {
            guard let shape else { continue }
            guard let known = result else { result = shape; continue }
            guard known.count == shape.count else { throw ModelError(.invalidGraph, "\(message()): \(known.text) and \(shape.text)") }
            result = try zip(known, shape).map { try same($0, $1, message()) }
        }
        return result
    }
}
