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
        var placed: [Int] = []
        for index in order {
            let piece = pieces[index]
            var best: (offset: Int, room: Int)?, end = 0
            for other in placed where pieces[other].first <= piece.last && pieces[other].last >= piece.first {
                let room = offsets[other] - end
                if room >= piece.byteCount, room < best?.room ?? .max { best = (end, room) }
                end = max(end, try Self.aligned(offsets[other], pieces[other].byteCount))
            }
            offsets[index] = best?.offset ?? end
            byteCount = max(byteCount, try Self.aligned(offsets[index], piece.byteCount))
            let position = placed.firstIndex { offsets[$0] > offsets[index] } ?? placed.count
            placed.insert(index, at: position)
        }
    }

    private static func aligned(_ offset: Int, _ size: Int) throws -> Int {
        guard let end = checkedAdd(offset, size), let padded = checkedAdd(end, alignment - 1) else { throw ModelError(.limit, "the values of this graph are too large together") }
        return padded / alignment * alignment
    }
}
