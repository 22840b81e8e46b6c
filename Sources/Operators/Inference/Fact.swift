package import ModelGraph
package import Tensors

/// What is known of a value before anything runs. Nothing in it is a guess: what is not sure is nil, or a fresh symbol.
package struct Fact: Equatable, Sendable {
    package indirect enum Kind: Equatable, Sendable {
        /// Perhaps no tensor.
        case unknown
        case tensor
        /// With what is known of every element.
        case sequence(Fact)
        /// With what is known of the value if there is one.
        case optional(Fact)
        case map(key: ElementType?, value: Fact)
    }

    package var kind: Kind
    /// Of a tensor, as are the following.
    package var elementType: ElementType?
    /// Nil: not even the rank is known.
    package var dims: [Dim]?
    private var value: Value?

    /// The value itself or its elements; behind a pointer, as most facts have neither.
    private indirect enum Value: Equatable, Sendable {
        case constant(Tensor)
        case integers([Dim])
    }

    /// Elements of a tensor that `integers` holds at most.
    package static let integerLimit = 1024

    private init(_ kind: Kind) { self.kind = kind }

    package static let unknown = Fact(.unknown)

    /// A tensor.
    package init(_ elementType: ElementType?, _ dims: [Dim]? = nil) {
        self.init(.tensor)
        self.elementType = elementType
        self.dims = dims?.map(\.asSize)
    }

    package init(_ elementType: ElementType?, fixed dims: [Int]) {
        self.init(.tensor)
        self.elementType = elementType
        self.dims = dims.map { Dim.value($0) }
    }

    /// The tensor itself, which is not copied.
    package init(constant tensor: Tensor) {
        self.init(tensor.elementType, fixed: tensor.dims)
        value = .constant(tensor)
    }

    /// A tensor of integers whose elements are known as symbols at least; too many of them are forgotten.
    package init(_ elementType: ElementType?, _ dims: [Dim]?, integers: [Dim]?) {
        self.init(elementType, dims)
        if let integers, integers.count <= Self.integerLimit, !integers.allSatisfy(\.isUnknown) || integers.isEmpty { value = .integers(integers) }
    }

    package static func sequence(of element: Fact) -> Fact { Fact(.sequence(element)) }
    package static func optional(_ value: Fact) -> Fact { Fact(.optional(value)) }
    package static func map(key: ElementType?, value: Fact) -> Fact { Fact(.map(key: key, value: value)) }

    /// Dims if all are numbers.
    package var fixedDims: [Int]? {
        guard let dims else { return nil }
        var result: [Int] = []
        result.reserveCapacity(dims.count)
        for dim in dims {
            guard case .value(let value) = dim else { return nil }
            result.append(value)
        }
        return result
    }

    package var rank: Int? { dims?.count }

    /// Product of the dims; `.unknown` without them.
    package var elementCount: Dim { dims.map { .product($0) } ?? .unknown }

    /// The value, if all of it is known.
    package var constant: Tensor? {
        switch value {
        case .constant(let tensor): tensor
        case .integers(let elements): small(elements)
        case nil: nil
        }
    }

    /// The elements of a tensor of INT64, INT32 or BOOL (0 and 1) of rank 0 or 1, of which some are known.
    package var integers: [Dim]? {
        switch value {
        case .integers(let elements): return elements
        case .constant(let tensor):
            guard tensor.dims.count <= 1, let count = tensor.elementCount, count <= Self.integerLimit,
                tensor.elementType == .int64 || tensor.elementType == .int32 || tensor.elementType == .bool
            else { return nil }
            if tensor.elementType == .bool { return try? tensor.elements(as: UInt8.self).map { $0 == 0 ? 0 : 1 } }
            return try? tensor.integers("the value").map(Dim.value)
        case nil: return nil
        }
    }

    /// True if all or some of the value is known.
    package var hasValue: Bool { value != nil }

    /// With symbols replaced by what `sizes` says.
    package func substituting(_ sizes: (DimSymbol) -> Dim?) -> Fact {
        switch kind {
        case .unknown: return self
        case .tensor:
            var copy = self
            copy.dims = dims?.map { $0.substituting(sizes).asSize }
            if case .integers(let elements)? = value { copy.value = .integers(elements.map { $0.substituting(sizes) }) }
            return copy
        case .sequence(let element): return .sequence(of: element.substituting(sizes))
        case .optional(let value): return .optional(value.substituting(sizes))
        case .map(let key, let value): return .map(key: key, value: value.substituting(sizes))
        }
    }

    /// The same without the value: another value of this type and shape.
    package var withoutValue: Fact {
        var copy = self
        copy.value = nil
        return copy
    }

    private func small(_ elements: [Dim]) -> Tensor? {
        guard let dims = fixedDims, elementCount.value == elements.count else { return nil }
        let numbers = elements.compactMap(\.value)
        guard numbers.count == elements.count else { return nil }
        switch elementType {
        case .int64?: return try? NewElements(numbers.map { Int64($0) }).tensor(.int64, dims)
        case .int32?:
            guard numbers.allSatisfy({ Int32(exactly: $0) != nil }) else { return nil }
            return try? NewElements(numbers.map { Int32($0) }).tensor(.int32, dims)
        case .bool?: return try? NewElements(numbers.map { $0 == 0 ? 0 : 1 as UInt8 }).tensor(.bool, dims)
        default: return nil
        }
    }

    /// The one number of a tensor of one element, towards zero.
    package var scalar: Dim? {
        if let integers { return integers.first }
        guard let constant, constant.elementCount == 1 else { return nil }
        return (try? constant.number("the value").saturated).map(Dim.value)
    }

    /// The one truth value of a BOOL.
    package var truth: Bool? { elementType == .bool ? integers?.first?.value.map { $0 != 0 } : nil }
}

// MARK: types of ONNX

extension Fact {
    /// What a declared type says.
    package init(_ info: ValueInfo) { self.init(info.type) }

    package init(_ type: ValueType?) {
        switch type?.kind {
        case .tensor(let elementType, let shape): self.init(elementType, shape?.dims.map { Dim($0) })
        case .sequence(let element): self = .sequence(of: Fact(element))
        case .optional(let value): self = .optional(Fact(value))
        case .map(let key, let value): self = .map(key: key, value: Fact(value))
        case nil, .some(.none), .sparseTensor, .opaque, .raw: self = .unknown
        }
        if elementType == .undefined { elementType = nil }
    }

    /// The type to write; nil if nothing is known.
    package var valueType: ValueType? {
        switch kind {
        case .unknown: nil
        case .tensor where elementType == nil && dims == nil: nil
        case .tensor: ValueType(.tensor(elementType: elementType, shape: dims.map { Shape($0.map(\.dimension)) }))
        case .sequence(let element): ValueType(.sequence(element.valueType))
        case .optional(let value): ValueType(.optional(value.valueType))
        case .map(let key, let value): ValueType(.map(key: key, value: value.valueType))
        }
    }
}

extension Fact: CustomStringConvertible {
    /// `FLOAT[N, 3]`; for messages.
    package var description: String {
        switch kind {
        case .unknown: "?"
        case .tensor: (elementType?.description ?? "?") + (dims.map { "[" + $0.map(\.description).joined(separator: ", ") + "]" } ?? "")
        case .sequence(let element): "sequence(\(element))"
        case .optional(let value): "optional(\(value))"
        case .map(let key, let value): "map(\(key?.description ?? "?"), \(value))"
        }
    }
}
