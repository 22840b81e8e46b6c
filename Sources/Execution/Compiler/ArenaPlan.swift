internal import Tensors

/// Offsets for memory that is needed from one step to another: pieces whose times overlap lie apart.
///
/// Greedy by size (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020): the largest first, each in
/// the smallest gap that holds it among those placed before whose times overlap.
struct ArenaPlan {
    struct Piece {
        let byteCount: Int
        /// Steps, both included.
        var first: Int
        var last: Int
    }

    private(set) var offsets: [Int]
    private(set) var byteCount = 0
    private static let alignment = 64

    /// Throws if the sum of sizes leaves 64 bits.
    init(_ pieces: [Piece]) throws {
        offsets = [Int](repeating: 0, count: pieces.count)
        let order = pieces.indices.sorted { (pieces[$0].byteCount, $1) > (pieces[$1].byteCount, $0) }
        // By offset.
        var placed: [Placed] = []
        placed.reserveCapacity(pieces.count)
        for index in order {
            let piece = pieces[index]
            var best: (offset: Int, room: Int)?, end = 0
            for other in placed where other.first <= piece.last && other.last >= piece.first {
                let room = other.offset - end
                if room >= piece.byteCount, room < best?.room ?? .max { best = (end, room) }
                end = max(end, other.end)
            }
            let offset = best?.offset ?? end, next = Placed(first: piece.first, last: piece.last, offset: offset, end: try Self.aligned(offset, piece.byteCount))
            offsets[index] = offset
            byteCount = max(byteCount, next.end)
            placed.insert(next, at: placed.firstIndex { $0.offset > offset } ?? placed.count)
        }
    }

    /// A piece where it is to lie, in one place with all that others are compared with.
    private struct Placed {
        let first: Int
        let last: Int
        let offset: Int
        let end: Int
    }

    private static func aligned(_ offset: Int, _ size: Int) throws -> Int {
        guard let end = checkedAdd(offset, size), let padded = checkedAdd(end, alignment - 1) else { throw ModelError(.limit, "the values of this graph are too large together") }
        return padded / alignment * alignment
    }
}
