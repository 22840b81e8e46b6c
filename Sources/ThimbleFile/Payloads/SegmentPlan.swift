import Tensors

/// How a segment is to be stored, decided by a look at a small part of it.
enum SegmentPlan: Sendable {
    case plain
    case compressed(Filter, ChunkEncoder.Effort)

    /// Bytes of each of three looks: little beside the compression itself.
    private static let window = 1 << 14
    /// Bits by which matches must shorten a plane, in hundredths, to be tried on all of it.
    private static let worthMatching = 3

    /// The filters that suit elements of `width` bytes or codes of `width` bits.
    static func filters(for content: SegmentContent) -> [Filter] {
        let width = content.width
        let named: [(Filter.Kind, Int)] =
            content.holdsCodes ? [(.none, 1), (.unpackBits, width)]
            : width == 1 ? [(.none, 1)] : [(.none, width), (.byteShuffle, width), (.rot1ByteShuffle, width)]
        return named.compactMap { Filter($0, width: $1) }
    }

    /// Tries every filter on the first chunk.
    static func tryingAll(_ content: SegmentContent, log2: Int, with encoder: ChunkEncoder) throws -> SegmentPlan {
        var best: Filter?, bestSize = Int.max
        for filter in filters(for: content) {
            let range = ChunkLayout(rawSize: content.rawSize, log2: log2, width: filter.width).range(0)
            let size = try unsafe content.withBytes(range, scratch: encoder.scratch.bytes) {
                unsafe encoder.encode($0, filter: filter, effort: .exhaustive)?.count ?? $0.count
            }
            // The first chunks of two filters may differ by a few bytes: compare what is saved.
            if size - range.count < bestSize {
                bestSize = size - range.count
                best = filter
            }
        }
        return best.map { .compressed($0, .exhaustive) } ?? .plain
    }

    /// Chooses by byte counts at the start, in the middle and at the end.
    static func estimating(_ content: SegmentContent) throws -> SegmentPlan {
        let size = content.rawSize
        let unit = content.holdsCodes ? content.width * 64 : 64
        let length = min(size, window / unit * unit)
        let starts = size <= 3 * window ? [0] : [0, size / 2, size - length].map { $0 / unit * unit }
        let each = size <= 3 * window ? size : length
        let sample = try OwnedMemory(byteCount: each * starts.count)
        for (index, start) in starts.enumerated() {
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: sample.bytes[index * each..<(index + 1) * each])
            try unsafe content.withBytes(start..<start + each, scratch: target) {
                if unsafe $0.baseAddress != UnsafeRawPointer(target.baseAddress) { unsafe target.copyMemory(from: $0) }
            }
        }
        return unsafe try estimate(UnsafeRawBufferPointer(sample.bytes), content)
    }

    private static func estimate(_ raw: UnsafeRawBufferPointer, _ content: SegmentContent) throws -> SegmentPlan {
        var best: (filter: Filter, bits: Int)?
        let memory = try OwnedMemory(byteCount: raw.count * 8 / 3 + 64)
        func planes(_ filter: Filter, _ body: (UnsafeRawBufferPointer) -> Void) {
            let filtered = unsafe UnsafeMutableRawBufferPointer(rebasing: memory.bytes[..<filter.filteredCount(raw.count)])
            unsafe filter.apply(raw, into: filtered)
            var start = 0
            for end in filter.planeEnds(raw.count) {
                unsafe body(UnsafeRawBufferPointer(rebasing: filtered[start..<end]))
                start = end
            }
        }
        for filter in filters(for: content) {
            var bits = 0
            unsafe planes(filter) { unsafe bits += min(PlaneStatistics($0).totalBits, $0.count * 8) }
            if bits < best?.bits ?? .max { best = (filter, bits) }
        }
        guard let best else { return .plain }
        // Order-0 counts decide between filters; what repeats is looked for in the winner alone.
        var saved = 0
        unsafe planes(best.filter) { unsafe saved += PlaneStatistics($0).matchSavings($0) }
        let matches = saved * 100 > best.bits * worthMatching
        guard best.bits - (matches ? saved : 0) < raw.count * 8 / 100 * 99 else { return .plain }
        return .compressed(best.filter, .quick(matches: matches))
    }
}
