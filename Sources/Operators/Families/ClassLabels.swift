internal import Tensors

/// The labels of a classifier: strings or integers.
enum ClassLabels {
    case ints([Int])
    case strings([[UInt8]])

    /// The attributes of those names; strings count where a model has both, as in ONNX Runtime. Throws if it has none.
    init(_ call: Call, ints: Name, strings: Name) throws {
        if let labels = try call.strings(strings), !labels.isEmpty {
            self = .strings(labels)
        } else if let labels = try call.ints(ints), !labels.isEmpty {
            self = .ints(labels)
        } else {
            throw ModelError(.invalidGraph, "has no class labels; '\(strings)' or '\(ints)' is needed")
        }
    }

    var count: Int {
        switch self {
        case .ints(let labels): labels.count
        case .strings(let labels): labels.count
        }
    }

    /// The label of each row. `picks` are indices of labels.
    func tensor(_ picks: [Int], _ call: Call) throws -> Tensor {
        switch self {
        case .strings(let labels): return try call.strings(labels, at: picks, dims: [picks.count])
        case .ints(let labels):
            _ = try call.room(for: [picks.count], of: .int64)
            return try Tensor.int64(picks.map { labels[$0] })
        }
    }

    /// Labels of a model that has one score and one label: that label or, of integers, 0 and 1 as in ONNX Runtime.
    var ofOneScore: ClassLabels {
        switch self {
        case .strings(let labels): .strings([labels[0], labels[0]])
        case .ints: .ints([0, 1])
        }
    }
}
