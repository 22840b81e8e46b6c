package import ModelGraph
package import Tensors

/// A node as a kernel and as inference see it: attributes of the types that the operator gives them.
package protocol AttributeReader {
    var node: Node { get }
    /// Version of the operator set that the node's domain has.
    var opset: Int { get }
}

// MARK: attributes

extension AttributeReader {
    private func mismatch(_ name: Name, _ value: AttributeValue, _ type: String) -> ModelError {
        ModelError(.invalidGraph, "attribute '\(name)' is \(value.typeName), \(type) is needed")
    }

    package func int(_ name: Name) throws -> Int? {
        guard let attribute = node.attributes.value(of: name) else { return nil }
        guard case .int(let value) = attribute else { throw mismatch(name, attribute, "INT") }
        return Int(value)
    }

    package func int(_ name: Name, _ standard: Int) throws -> Int { try int(name) ?? standard }
    package func bool(_ name: Name, _ standard: Bool = false) throws -> Bool { try int(name).map { $0 != 0 } ?? standard }

    package func float(_ name: Name) throws -> Float? {
        guard let attribute = node.attributes.value(of: name) else { return nil }
        guard case .float(let value) = attribute else { throw mismatch(name, attribute, "FLOAT") }
        return value
    }

    package func float(_ name: Name, _ standard: Float) throws -> Float { try float(name) ?? standard }

    package func ints(_ name: Name) throws -> [Int]? {
        guard let attribute = node.attributes.value(of: name) else { return nil }
        guard case .ints(let values) = attribute else { throw mismatch(name, attribute, "INTS") }
        return values.map { Int($0) }
    }

    package func floats(_ name: Name) throws -> [Float]? {
        guard let attribute = node.attributes.value(of: name) else { return nil }
        guard case .floats(let values) = attribute else { throw mismatch(name, attribute, "FLOATS") }
        return values
    }

    /// Text that need not be UTF-8 is refused: enumerations and names are.
    package func string(_ name: Name) throws -> String? {
        guard let attribute = node.attributes.value(of: name) else { return nil }
        guard case .string(let bytes) = attribute else { throw mismatch(name, attribute, "STRING") }
        guard let text = Name(utf8: bytes) else { throw ModelError(.invalidGraph, "attribute '\(name)' is not UTF-8") }
        return text.text
    }

    package func string(_ name: Name, _ standard: String) throws -> String { try string(name) ?? standard }

    package func strings(_ name: Name) throws -> [[UInt8]]? {
        guard let attribute = node.attributes.value(of: name) else { return nil }
        guard case .strings(let values) = attribute else { throw mismatch(name, attribute, "STRINGS") }
        return values
    }

    /// An attribute that is an element type's number; 0 is none.
    func elementType(_ name: Name) throws -> ElementType? {
        guard let number = try int(name), number != 0 else { return nil }
        guard let raw = Int32(exactly: number), ElementType(rawValue: raw).isKnown else {
            throw ModelError(.invalidGraph, "attribute '\(name)' is \(number), a data type of 1 to \(ElementType.allKnown.count) is needed")
        }
        return ElementType(rawValue: raw)
    }

    package func tensor(_ name: Name) throws -> Tensor? {
        guard let attribute = node.attributes.value(of: name) else { return nil }
        guard case .tensor(let value) = attribute else { throw mismatch(name, attribute, "TENSOR") }
        return value
    }

    package func graph(_ name: Name) throws -> Graph {
        guard let attribute = node.attributes.value(of: name) else { throw ModelError(.invalidGraph, "attribute '\(name)' is missing") }
        guard case .graph(let value) = attribute else { throw mismatch(name, attribute, "GRAPH") }
        return value
    }

    /// An attribute that the operator must have.
    package func required<T>(_ name: Name, _ value: T?) throws -> T {
        guard let value else { throw ModelError(.invalidGraph, "attribute '\(name)' is missing") }
        return value
    }
}

// MARK: axes

extension AttributeReader {
    /// `axis` of a value of `rank` dimensions, counted from the end if negative. Throws unless it lies in -rank ..< rank.
    package func axis(_ axis: Int, rank: Int) throws -> Int {
        guard axis >= -rank, axis < rank else { throw ModelError(.invalidGraph, "axis \(axis) of \(rank) dimensions; -\(rank) to \(rank - 1) exist") }
        return axis < 0 ? axis + rank : axis
    }

    /// The same for several, which must differ.
    package func axes(_ axes: [Int], rank: Int) throws -> [Int] {
        let result = try axes.map { try axis($0, rank: rank) }
        // One or two mostly, and never many that are right.
        let isTwice = result.count > 64 ? Set(result).count < result.count : result.indices.contains { result[..<$0].contains(result[$0]) }
        guard !isTwice else { throw ModelError(.invalidGraph, "axes \(axes) name one axis twice") }
        return result
    }
}
