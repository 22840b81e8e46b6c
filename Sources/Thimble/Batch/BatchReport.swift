public import ModelGraph
internal import Tensors

/// What happened to the files of a folder.
public struct BatchReport: Sendable {
    public enum Status: String, Sendable {
        case converted
        /// Finished before and unchanged.
        case skipped
        case failed
    }

    public struct Entry: Sendable {
        /// Relative to the input folder.
        public var input: String
        /// Relative to the output folder.
        public var output: String
        public var status: Status
        public var bytesBefore: Int?
        public var bytesAfter: Int?
        public var isByteExact: Bool?
        public var warnings: [Finding] = []
        /// Why it failed or was skipped, beginning with the file where it failed.
        public var message: String?
        public var seconds: Double = 0
    }

    public var input: String
    public var output: String
    /// Files that are to be looked at.
    public var planned: Int
    /// In the order of the input paths' bytes; those that are done so far.
    public var entries: [Entry] = []
    /// False while it runs, and in the report of a run that was killed.
    public var isFinished = false
    public var seconds: Double = 0

    public init(input: String, output: String, planned: Int) {
        self.input = input
        self.output = output
        self.planned = planned
    }

    public func count(_ status: Status) -> Int { entries.reduce(0) { $0 + ($1.status == status ? 1 : 0) } }
    public var failures: [Entry] { entries.filter { $0.status == .failed } }
}

extension BatchReport {
    public var json: JSONValue {
        [
            "schema": "batch/1",
            "input": .string(input),
            "output": .string(output),
            "finished": .bool(isFinished),
            "planned": .int(planned),
            "converted": .int(count(.converted)),
            "skipped": .int(count(.skipped)),
            "failed": .int(count(.failed)),
            "bytes_before": .int(entries.reduce(0) { $0 + ($1.bytesBefore ?? 0) }),
            "bytes_after": .int(entries.reduce(0) { $0 + ($1.bytesAfter ?? 0) }),
            "seconds": .number(rounded(seconds, 6)),
            "files": .list(entries, \.json),
        ]
    }

    /// One line for all.
    public var summary: String {
        let before = entries.reduce(0) { $0 + ($1.bytesBefore ?? 0) }, after = entries.reduce(0) { $0 + ($1.bytesAfter ?? 0) }
        var words = ["\(counted(entries.count, "file")): \(grouped(count(.converted))) converted"]
        if count(.skipped) > 0 { words.append("\(grouped(count(.skipped))) skipped") }
        words.append("\(grouped(count(.failed))) failed")
        let sizes = before > 0 ? ", \(printable(bytes: before)) → \(printable(bytes: after))" : ""
        return words.joined(separator: ", ") + sizes + ", \(decimals(seconds, 1)) s\n"
    }
}

extension BatchReport.Entry {
    fileprivate var json: JSONValue {
        [
            "input": .string(input), "output": .string(output), "status": .string(status.rawValue), "bytes_before": .optional(bytesBefore),
            "bytes_after": .optional(bytesAfter), "byte_exact": .optional(isByteExact), "warnings": .list(warnings, \.json),
            "message": .optional(message), "seconds": .number(rounded(seconds, 6)),
        ]
    }

    /// One line for people; failures have `message`.
    public var text: String {
        switch status {
        case .converted:
            "\(printable(input)) → \(printable(output)): \(printable(bytes: bytesBefore ?? 0)) → \(printable(bytes: bytesAfter ?? 0))\n"
        case .skipped: "\(printable(input)): skipped, finished and unchanged\n"
        case .failed: "\(printable(input)): failed\n"
        }
    }
}
