import Tensors

/// Compresses segments chunk by chunk on several threads and places the chunks in order. What saves less than 2 % is stored
/// plainly. A few MiB are in flight, however large the segments are.
@safe
final class CompressedSegments: @unchecked Sendable {
    private struct Job {
        let segment: Int
        /// Nil for a segment that is stored plainly.
        let chunk: Int?
    }

    private struct Stored {
        let bytes: [UInt8]
        let isVerbatim: Bool
        let crc32: UInt32
    }

    private let output: OutputFile
    private let log2: Int
    private let threads: Int
    private let lock = Lock()
    private var encoders: [ChunkEncoder] = []
    /// Raw bytes that are still tried with everything: a small model gets the best, a large one does not wait for it.
    private var patience = 2 << 20
    private(set) var segments: [SegmentRecord] = []
    private(set) var chunks: [ChunkRecord] = []

    // Of the batch at work.
    private var contents: [SegmentContent] = []
    private var plans: [SegmentPlan] = []
    private var jobs: [Job] = []
    private var results: [Int: Stored?] = [:]
    private var placed = 0
    private var startOfSegment = 0
    private static let inFlight = 16 << 20

    init(_ output: OutputFile, log2: Int, threads: Int) {
        self.output = output
        self.log2 = log2
        self.threads = max(1, threads)
    }

    /// Appends segments to the file and to the tables.
    func write(_ batch: [SegmentContent]) throws {
        contents = batch
        try plan()
        jobs = []
        for (index, content) in contents.enumerated() {
            guard case .compressed(let filter, _) = plans[index] else {
                jobs.append(Job(segment: index, chunk: nil))
                continue
            }
            let layout = ChunkLayout(rawSize: content.rawSize, log2: log2, width: filter.width)
            jobs += (0..<layout.count).map { Job(segment: index, chunk: $0) }
        }
        placed = 0
        let step = max(2 * threads, Self.inFlight >> log2)
        for start in stride(from: 0, to: jobs.count, by: step) {
            let count = min(step, jobs.count - start)
            try concurrently(count, threads: threads) { [self] in
                let stored = try compress(jobs[start + $0])
                try place(start + $0, stored)
            }
        }
        contents = []
    }

    private func plan() throws {
        var exhaustive: [Bool] = []
        for content in contents {
            exhaustive.append(content.rawSize <= patience)
            if content.rawSize <= patience { patience -= content.rawSize }
        }
        plans = [SegmentPlan](repeating: .plain, count: contents.count)
        let thorough = exhaustive
        try concurrently(contents.count, threads: threads) { [self] index in
            let plan = try thorough[index]
                ? withEncoder { try SegmentPlan.tryingAll(contents[index], log2: log2, with: $0) } : SegmentPlan.estimating(contents[index])
            lock.locked { plans[index] = plan }
        }
    }

    private func withEncoder<R>(_ body: (ChunkEncoder) throws -> R) throws -> R {
        let encoder = try lock.locked { encoders.popLast() } ?? ChunkEncoder(chunkLength: 1 << log2)
        defer { lock.locked { encoders.append(encoder) } }
        return try body(encoder)
    }

    private func compress(_ job: Job) throws -> Stored? {
        guard let chunk = job.chunk, case .compressed(let filter, let effort) = plans[job.segment] else { return nil }
        let content = contents[job.segment]
        let range = ChunkLayout(rawSize: content.rawSize, log2: log2, width: filter.width).range(chunk)
        return try withEncoder { encoder in
            try unsafe content.withBytes(range, scratch: encoder.scratch.bytes) { raw in
                let stream = unsafe encoder.encode(raw, filter: filter, effort: effort)
                let bytes = unsafe stream ?? raw
                return unsafe Stored(bytes: Array(bytes), isVerbatim: stream == nil, crc32: Checksum.crc32(bytes))
            }
        }
    }

    /// Keeps a result until all before it are in the file. The thread that closes a gap writes what waited behind it.
    private func place(_ job: Int, _ stored: Stored?) throws {
        try lock.locked {
            results[job] = .some(stored)
            while let next = results.removeValue(forKey: placed) {
                try append(jobs[placed], next)
                placed += 1
            }
        }
    }

    private func append(_ job: Job, _ stored: Stored?) throws {
        let content = contents[job.segment]
        guard let stored, let chunk = job.chunk, case .compressed(let filter, _) = plans[job.segment] else { return try appendPlain(content) }
        if chunk == 0 {
            startOfSegment = output.position
            try output.pad(to: 8)
            segments.append(
                SegmentRecord(
                    offset: output.position, storedSize: 0, rawSize: content.rawSize, firstChunk: chunks.count, chunkCount: 0, crc32: 0, codec: 1,
                    filter: filter.kind.rawValue, width: UInt8(filter.width), chunkLog2: UInt8(log2)))
        }
        try output.append(stored.bytes)
        chunks.append(ChunkRecord(storedSize: stored.bytes.count, isVerbatim: stored.isVerbatim, crc32: stored.crc32))
        let last = segments.count - 1
        segments[last].storedSize += stored.bytes.count
        segments[last].chunkCount += 1
        segments[last].crc32 = Checksum.crc32(combining: segments[last].crc32, stored.crc32, count: stored.bytes.count)
        let layout = ChunkLayout(rawSize: content.rawSize, log2: log2, width: filter.width)
        if chunk == layout.count - 1, segments[last].storedSize > content.rawSize - content.rawSize / 50 {
            chunks.removeLast(layout.count)
            segments.removeLast()
            try output.truncate(to: startOfSegment)
            try appendPlain(content)
        }
    }

    private func appendPlain(_ content: SegmentContent) throws {
        segments += try PlainSegments.write([content], to: output, threads: 1)
    }
}
