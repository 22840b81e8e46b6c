internal import Execution
internal import ModelGraph
internal import Operators
internal import Tensors

/// A bounded number of rows (lines of the last axis) of some values, evenly taken, and the largest magnitude of each channel over all rows.
final class RowSamples: RunObserver, @unchecked Sendable {
    struct Rows {
        var channels = 0
        var values: [Float] = []
        var greatest: [Float] = []
        var isFinite = true
        var count: Int { channels > 0 ? values.count / channels : 0 }
    }

    private(set) var rows: [Name: Rows]
    private let mostOfARun: Int
    private var failure: (any Error)?

    /// `most`: rows of one value that `runs` runs keep together.
    init(_ names: [Name], most: Int, runs: Int) {
        rows = Dictionary(names.map { ($0, Rows()) }, uniquingKeysWith: { first, _ in first })
        mostOfARun = max(1, most / max(1, runs))
    }

    func run(_ session: Session, _ sample: [Name: Value]) throws {
        for (name, value) in sample { see(name, value) }
        _ = try session.run(sample, observer: self)
        if let failure { throw failure }
    }

    func ran(_ node: Node, outputs: [Value?], seconds: Double) {
        for (name, value) in zip(node.outputs, outputs) { if let value { see(name, value) } }
    }

    private func see(_ name: Name, _ value: Value) {
        guard var seen = rows[name], case .tensor(let tensor) = value, tensor.elementType == .float, let channels = tensor.dims.last, channels > 0 else { return }
        guard seen.channels == 0 || seen.channels == channels else { return }
        do {
            let values = try tensor.floats("an activation"), count = values.count / channels
            guard count > 0 else { return }
            rows[name] = nil
            seen.channels = channels
            if seen.greatest.isEmpty { seen.greatest = [Float](repeating: 0, count: channels) }
            let step = max(1, count / mostOfARun)
            unsafe values.withUnsafeBuffer { values in
                for row in 0..<count {
                    for channel in 0..<channels {
                        let value = unsafe values[row * channels + channel]
                        if value.isFinite { seen.greatest[channel] = max(seen.greatest[channel], abs(value)) } else { seen.isFinite = false }
                    }
                    if row % step == step / 2, row / step < mostOfARun { unsafe seen.values += UnsafeBufferPointer(rebasing: values[row * channels..<(row + 1) * channels]) }
                }
            }
            rows[name] = seen
        } catch {
            failure = failure ?? error
        }
    }
}
