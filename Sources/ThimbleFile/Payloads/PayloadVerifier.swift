import Tensors

/// The checks that read every byte: checksums, gaps, and that all values decode.
@safe
final class PayloadVerifier: @unchecked Sendable {
    private enum Job {
        /// Bytes of a plain segment.
        case plain(segment: Int, part: Int, range: Range<Int>)
        case chunk(segment: Int, index: Int)
    }

    private struct Problem {
        let segment: Int
        let message: String
    }

    private let reader: PayloadReader
    private let lock = Lock()
    private var jobs: [Job] = []
    private var segments: [CompressedSegment?] = []
    /// CRC-32 and length of each part of each segment, in order.
    private var parts: [[(crc32: UInt32, count: Int)]] = []
    private var problems: [Problem] = []
    private static let step = 1 << 23
    private static let mostProblems = 1000

    init(_ reader: PayloadReader) {
        self.reader = reader
    }

    func run(users: (Int) -> String) -> [String] {
        let tables = reader.tables
        prepare()
        // Problems are collected, nothing throws.
        try? concurrently(jobs.count) { [self] in run(jobs[$0]) }
        checkSegmentChecksums()
        let owners = owners()
        var findings = problems.sorted { ($0.segment, $0.message) < ($1.segment, $1.message) }.map { problem in
            "segment \(problem.segment)\(Self.list(owners[problem.segment], users)): \(problem.message)"
        }
        let broken = Set(problems.map(\.segment))
        findings += gapFindings()
        for (id, payload) in tables.payloads.enumerated() {
            // What lies in a broken segment was named above.
            if case .blob(let segment, _, _) = payload.data, broken.contains(segment) { continue }
            guard findings.count < 2 * Self.mostProblems else { break }
            do {
                try checkValues(id)
            } catch let error as ModelError {
                findings.append("\(users(id)): \(error)")
            } catch {
                findings.append("\(users(id)): \(error)")
            }
        }
        return findings
    }

    private func prepare() {
        var decoded = 0
        for (number, record) in reader.tables.segments.enumerated() {
            segments.append(nil)
            parts.append([])
            if record.codec == 1 {
                do {
                    guard let sum = checkedAdd(decoded, record.rawSize), sum <= reader.maxDecoded else {
                        throw ModelError(.limit, "decodes to \(printable(bytes: record.rawSize)), beyond the limit of \(printable(bytes: reader.maxDecoded)) (--max-decoded)")
                    }
                    decoded = sum
                    segments[number] = try reader.makeCompressed(number)
                    jobs += (0..<record.chunkCount).map { .chunk(segment: number, index: $0) }
                    parts[number] = [(UInt32, Int)](repeating: (0, 0), count: record.chunkCount)
                    continue
                } catch {
                    problems.append(Problem(segment: number, message: "\(error)"))
                }
            }
            for (part, start) in stride(from: 0, to: record.storedSize, by: Self.step).enumerated() {
                let range = record.offset + start..<record.offset + min(record.storedSize, start + Self.step)
                jobs.append(.plain(segment: number, part: part, range: range))
                parts[number].append((0, 0))
            }
        }
    }

    private func run(_ job: Job) {
        switch job {
        case .plain(let segment, let part, let range):
            let crc = unsafe Checksum.crc32(reader.file.pointer(range))
            reader.file.release(range)
            lock.locked { parts[segment][part] = (crc, range.count) }
        case .chunk(let number, let index):
            guard let segment = segments[number] else { return }
            let stored = segment.chunks[index].stored
            let crc = unsafe Checksum.crc32(reader.file.pointer(stored))
            lock.locked { parts[number][index] = (crc, stored.count) }
            do {
                let memory = try OwnedMemory(byteCount: segment.layout.range(index).count)
                try unsafe segment.decodeWithin(index, into: memory.bytes)
            } catch {
                report(number, "\(error)")
            }
            if stored.count >= 1 << 16 { reader.file.release(stored) }
        }
    }

    private func report(_ segment: Int, _ message: String) {
        lock.locked { if problems.count < Self.mostProblems { problems.append(Problem(segment: segment, message: message)) } }
    }

    private func checkSegmentChecksums() {
        for (number, record) in reader.tables.segments.enumerated() {
            let crc = parts[number].reduce(UInt32(0)) { Checksum.crc32(combining: $0, $1.crc32, count: $1.count) }
            if crc != record.crc32 { report(number, "has CRC-32 \(hex(crc)) where \(hex(record.crc32)) belongs") }
        }
    }

    /// The payloads whose bytes lie in each segment.
    private func owners() -> [[Int]] {
        var owners = [[Int]](repeating: [], count: reader.tables.segments.count)
        for (id, payload) in reader.tables.payloads.enumerated() {
            if case .blob(let segment, _, _) = payload.data { owners[segment].append(id) }
        }
        return owners
    }

    private static func list(_ payloads: [Int], _ users: (Int) -> String) -> String {
        guard !payloads.isEmpty else { return "" }
        let names = payloads.prefix(3).map(users).joined(separator: ", ")
        return " (\(names)\(payloads.count > 3 ? " and \(payloads.count - 3) more" : ""))"
    }

    /// Bytes between the parts of a file belong to no checksum: they must be zero.
    private func gapFindings() -> [String] {
        var used = [(0, 64), (reader.metadata.lowerBound, reader.metadata.upperBound)]
        used += reader.tables.segments.map { ($0.offset, $0.offset + $0.storedSize) }
        var findings: [String] = [], end = 0
        for (start, partEnd) in used.sorted(by: { ($0.0, $0.1) < ($1.0, $1.1) }) + [(reader.file.count, reader.file.count)] {
            if start > end {
                let gap = unsafe reader.file.pointer(end..<start)
                if let at = unsafe gap.firstIndex(where: { $0 != 0 }) {
                    findings.append("byte \(end + at) between the parts of the file is \(unsafe gap[at]), it must be 0")
                }
            }
            end = max(end, partEnd)
        }
        return findings
    }

    /// Sizes, counts and a look at both ends of the values.
    private func checkValues(_ id: Int) throws {
        let tensor = try reader.tensor(id)
        switch tensor.encoding {
        case .plain: return
        case .strings(let list): try list.forEachRange { _ in }
        default:
            let bytes = try tensor.plainBytes()
            let sample = min(bytes.count, 1 << 12)
            _ = try bytes.slice(0..<sample).array()
            _ = try bytes.slice(bytes.count - sample..<bytes.count).array()
        }
    }
}
