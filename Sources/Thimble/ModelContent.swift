internal import ModelGraph
internal import Tensors

extension Place {
    /// What lies around the thing itself, in words: without the thing and without the main graph.
    var around: [String] {
        let isInMainGraph = if case .graph? = steps.first { true } else { false }
        let isNamedApart =
            switch steps.last {
            case .initializer, .sparseInitializer, .node: true
            default: false
            }
        return steps.dropFirst(isInMainGraph ? 1 : 0).dropLast(isNamedApart ? 1 : 0).map(\.description)
    }

    /// True for what is, or is part of, a value of an attribute and not an initializer of a graph.
    var isInAttribute: Bool {
        for step in steps.reversed() {
            switch step {
            case .initializer, .sparseInitializer: return false
            case .attribute: return true
            default: continue
            }
        }
        return false
    }
}

extension Model {
    /// Tensors with values, wherever they stand.
    var tensorCount: Int {
        var count = 0
        forEachTensor { _, _ in count += 1 }
        return count
    }

    /// The model with every encoded tensor given by its plain values, which are decoded as they are read. Strings stay.
    func inPlainValues() throws -> Model {
        var copy = self
        try copy.updateTensors { tensor, place in
            switch tensor.encoding {
            case .plain, .strings: return
            default: tensor.encoding = .plain(try within(place.around.joined(separator: ": ")) { try tensor.plainBytes() })
            }
        }
        return copy
    }

    /// True if every field and every value is equal, however the values are encoded. `ignoringOrigins`: also if they lie in
    /// other fields or files.
    func hasSameContent(as other: Model, ignoringOrigins: Bool = false) throws -> Bool {
        var a = try inPlainValues(), b = try other.inPlainValues()
        if ignoringOrigins {
            a.updateTensors { tensor, _ in tensor.origin = TensorOrigin(unknownFields: tensor.origin.unknownFields) }
            b.updateTensors { tensor, _ in tensor.origin = TensorOrigin(unknownFields: tensor.origin.unknownFields) }
        }
        return a == b
    }
}
