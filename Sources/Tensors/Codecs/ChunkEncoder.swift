internal import CKernels

/// Turns chunks into RFC 1950 streams: filter, then each byte plane in blocks of its own with the strategy that suits it.
///
/// One Huffman table over planes of different statistics would lose most of the gain on small tensors. Planes are coded
/// apart and joined at byte borders, so that the blocks that were tried are the blocks that are kept. For one thread.
@safe
package final class ChunkEncoder {
    package enum Effort: Sendable {
        /// Huffman codes where the byte counts promise something; runs and matches only where asked for.
        case quick(matches: Bool)
        /// Every strategy on every plane.
        case exhaustive
    }

    private let deflater: PlaneDeflater
    /// Room for the raw bytes of a chunk, for the caller.
    package let scratch: OwnedMemory
    private var filtered: OwnedMemory
    /// The stream so far, then room for the best and the latest try of a plane.
    private var stream: OwnedMemory
    private var trials: [OwnedMemory] = []

    /// For chunks of up to `chunkLength` raw bytes.
    package init(chunkLength: Int) throws {
        deflater = try PlaneDeflater()
        scratch = try OwnedMemory(byteCount: chunkLength)
        let most = chunkLength * 8 / 3 + 64
        filtered = try OwnedMemory(byteCount: most)
        stream = try OwnedMemory(byteCount: most + most / 1000 + 16 * 64)
        trials = try (0..<2).map { _ in try OwnedMemory(byteCount: PlaneDeflater.bound(most)) }
    }

    /// The stream of `raw`, valid until the next call; nil if it is not smaller.
    package func encode(_ raw: UnsafeRawBufferPointer, filter: Filter, effort: Effort) -> UnsafeRawBufferPointer? {
        let planes = unsafe filter.kind == .none ? raw : apply(filter, raw)
        var ends = filter.planeEnds(raw.count)
        var size = unsafe encode(planes, ends: ends, effort: effort)
        if case .exhaustive = effort, ends.count > 1, raw.count <= 1 << 15 {
            // A table for each plane costs more than it gains on a few hundred bytes.
            let separate = size
            let kept = unsafe Array(UnsafeRawBufferPointer(rebasing: stream.bytes[..<separate]))
            ends = [planes.count]
            size = unsafe encode(planes, ends: ends, effort: effort)
            if separate <= size {
                unsafe stream.bytes.copyBytes(from: kept)
                size = separate
            }
        }
        return size < raw.count ? unsafe UnsafeRawBufferPointer(rebasing: stream.bytes[..<size]) : nil
    }

    private func apply(_ filter: Filter, _ raw: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let target = unsafe UnsafeMutableRawBufferPointer(rebasing: filtered.bytes[..<filter.filteredCount(raw.count)])
        unsafe filter.apply(raw, into: target)
        return UnsafeRawBufferPointer(target)
    }

    private func encode(_ planes: UnsafeRawBufferPointer, ends: [Int], effort: Effort) -> Int {
        // CM 8, window of 32 KiB, no dictionary, check bits.
        unsafe stream.bytes[0] = 0x78
        unsafe stream.bytes[1] = 0x9c
        var size = 2, start = 0
        for (index, end) in ends.enumerated() {
            let plane = unsafe UnsafeRawBufferPointer(rebasing: planes[start..<end])
            size += unsafe encode(plane, isLast: index == ends.count - 1, effort: effort, at: size)
            start = end
        }
        let adler = unsafe Checksum.adler32(planes)
        for shift in [24, 16, 8, 0] as [UInt32] {
            unsafe stream.bytes[size] = UInt8(truncatingIfNeeded: adler >> shift)
            size += 1
        }
        return size
    }

    private func encode(_ plane: UnsafeRawBufferPointer, isLast: Bool, effort: Effort, at offset: Int) -> Int {
        let strategies = unsafe Self.strategies(plane, effort)
        var best = 0, bestSize = Int.max
        for strategy in strategies {
            let size = unsafe deflater.encode(plane, strategy, isLast: isLast, into: trials[1 - best].bytes)
            if size < bestSize {
                best = 1 - best
                bestSize = size
            }
        }
        unsafe (stream.bytes.baseAddress! + offset).copyMemory(from: trials[best].bytes.baseAddress!, byteCount: bestSize)
        return bestSize
    }

    private static func strategies(_ plane: UnsafeRawBufferPointer, _ effort: Effort) -> [PlaneStrategy] {
        // Codes of a few bytes say nothing about the bytes to come.
        guard plane.count > 1024 else { return [.huffman, .runs, .matches] }
        let statistics = unsafe PlaneStatistics(plane)
        switch effort {
        case .quick(matches: false):
            if statistics.bits >= 7.96 { return [.stored] }
            return statistics.isNearlyConstant ? [.runs, .matches] : [.huffman]
        case .quick(matches: true), .exhaustive:
            // The search for matches takes ten times the rest: not where nothing repeats.
            let repeats = unsafe statistics.matchSavings(plane) * 1000 > statistics.totalBits
            if statistics.bits >= 7.96, !repeats { return [.stored] }
            return repeats || statistics.isNearlyConstant ? [.huffman, .runs, .matches] : [.huffman, .runs]
        }
    }
}

/// What the byte counts of a plane say.
package struct PlaneStatistics {
    package let count: Int
    /// Bits that an ideal order-0 coder needs for all.
    package let totalBits: Int
    private var cost: [UInt8]

    package init(_ plane: UnsafeRawBufferPointer) {
        var counts = [UInt32](repeating: 0, count: 256)
        var cost = [UInt8](repeating: 0, count: 256)
        unsafe thimble_histogram(plane.baseAddress, plane.count, &counts)
        totalBits = unsafe Int(thimble_entropy_bits(counts, &cost))
        count = plane.count
        self.cost = cost
    }

    /// Bits a byte.
    package var bits: Double { count == 0 ? 0 : Double(totalBits) / Double(count) }
    /// A Huffman code spends a bit even on what says nothing: runs are better here.
    package var isNearlyConstant: Bool { bits < 0.8 }

    /// Bits that matches within `sample`, bytes of the plane, would save.
    package func matchSavings(_ sample: UnsafeRawBufferPointer) -> Int {
        unsafe Int(thimble_match_savings(sample.baseAddress, min(sample.count, 65535), cost))
    }
}
