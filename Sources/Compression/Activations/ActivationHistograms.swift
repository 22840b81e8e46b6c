internal import Execution
internal import ModelGraph
internal import Operators
internal import Tensors

/// Histograms of values as nodes make them, for one thread. Holds nothing but them: its memory depends on how many values are watched only.
final class ActivationHistograms: RunObserver, @unchecked Sendable {
    private(set) var histograms: [Name: ActivationHistogram]
    private var failure: (any Error)?

    init(_ names: [Name]) {
        histograms = Dictionary(names.map { ($0, ActivationHistogram()) }, uniquingKeysWith: { first, _ in first })
    }

    /// Runs a model on a sample.
    func run(_ session: Session, _ sample: [Name: Value]) throws {
        for (name, value) in sample { see(name, value) }
        _ = try session.run(sample, observer: self)
        if let failure { throw failure }
    }

    func ran(_ node: Node, outputs: [Value?], seconds: Double) {
        for (name, value) in zip(node.outputs, outputs) { if let value { see(name, value) } }
    }

    /// Moves what another has seen here.
    func take(_ other: ActivationHistograms) {
        for (name, histogram) in other.histograms {
            histograms[name]?.add(histogram)
            other.histograms[name] = ActivationHistogram()
        }
    }

    private func see(_ name: Name, _ value: Value) {
        guard histograms[name] != nil, case .tensor(let tensor) = value, tensor.elementType == .float else { return }
        do {
            let values = try tensor.floats("an activation")
            unsafe values.withUnsafeBuffer { values in unsafe histograms[name]?.add(values) }
        } catch {
            failure = failure ?? error
        }
    }
}
