internal import Tensors

/// The report of a running batch, shared by its threads.
final class BatchState: @unchecked Sendable {
    private let lock = Lock()
    private var report: BatchReport
    private var done: [(index: Int, entry: BatchReport.Entry)] = []
    private let reportPath: String?
    private var lastSaved = monotonicSeconds()
    /// Saving costs a flush to the disk.
    private static let secondsBetweenSaves = 2.0

    init(_ report: BatchReport, reportPath: String?) {
        self.report = report
        self.reportPath = reportPath
    }

    func add(_ entry: BatchReport.Entry, at index: Int, _ progress: (BatchReport.Entry, BatchReport) -> Void) throws {
        try lock.locked {
            let place = (done.lastIndex { $0.index < index } ?? -1) + 1
            done.insert((index, entry), at: place)
            report.entries.insert(entry, at: place)
            progress(entry, report)
            if monotonicSeconds() - lastSaved > Self.secondsBetweenSaves { try save() }
        }
    }

    func saveReport() throws {
        try lock.locked { try save() }
    }

    func finish(seconds: Double) throws -> BatchReport {
        try lock.locked {
            report.isFinished = true
            report.seconds = seconds
            try save()
            return report
        }
    }

    private func save() throws {
        lastSaved = monotonicSeconds()
        guard let reportPath else { return }
        let file = try OutputFile(reportPath, replacing: true)
        try file.append(Array((report.json.description + "\n").utf8))
        try file.commit()
    }
}
