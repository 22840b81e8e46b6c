/// The shape of a value in a graph (`TensorShapeProto`): each dimension a number, a symbol, or unknown.
public struct Shape: Hashable, Sendable {
    public var dims: [Dimension]

    public init(_ dims: [Dimension]) {
        self.dims = dims
    }

    public var rank: Int { dims.count }
    /// The dims if all are numbers.
    public var fixed: [Int]? {
        var result: [Int] = []
        for dim in dims {
            guard case .value(let value) = dim.size else { return nil }
            result.append(Int(value))
        }
        return result
    }
}

/// One dimension of a shape.
public struct Dimension: Hashable, Sendable {
    public enum Size: Hashable, Sendable {
        case unknown
        /// ONNX's `dim_value`, kept as the file says it: exporters write -1 for unknown.
        case value(Int64)
        /// ONNX's `dim_param`: equal symbols are equal sizes.
        case symbol(Name)
    }

    public var size: Size
    public var denotation: Name?

    public init(_ size: Size, denotation: Name? = nil) {
        self.size = size
        self.denotation = denotation
    }
}

extension Shape: ExpressibleByArrayLiteral, CustomStringConvertible {
    public init(arrayLiteral elements: Int64...) {
        self.init(elements.map { Dimension(.value($0)) })
    }

    public var description: String { "[" + dims.map(\.description).joined(separator: ", ") + "]" }
}

extension Dimension: CustomStringConvertible {
    public var description: String {
        switch size {
        case .unknown: "?"
        case .value(let value): String(value)
        case .symbol(let name): name.description
        }
    }
}
