package import Tensors

package enum Reshape: Checkable, Inferring {
    package static let name: Name = "Reshape"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        // Opset 1 had the shape as an attribute.
        guard let shape = node.opset < 5 ? node.ints("shape") : node.constantInts(1) else { return }
        let unknown = shape.count { $0 == -1 }
        if let wrong = shape.first(where: { $0 < -1 }) {
            report.error("its shape \(listText(shape)) holds \(wrong), sizes are at least 0, or -1 once")
        } else if unknown > 1 {
            report.error("its shape \(listText(shape)) has \(unknown) times -1, one size can follow from the others")
        } else if shape.first(where: { $0 == 0 }) == nil, elementCount(of: shape.filter { $0 > 0 }.map { Int($0) }) == nil {
            report.error("its shape \(listText(shape)) has more than 2^48 elements, the limit")
        }
    }
}

extension Reshape: Runnable {
    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0)
        let shape = try call.opset < 5 ? call.required("shape", call.ints("shape")).map(Dim.value) : call.integers(1)
        guard let shape else {
            if call.opset >= 5, !call.hasInput(1) { throw ModelError(.invalidGraph, "input 1, the shape, is missing") }
            return [Fact(data.elementType)]
        }
        let dims = try Self.dims(shape, of: data, zeroIsZero: call.bool("allowzero"))
        return [data.reshaped(dims)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0)
        let shape = call.opset < 5 ? try call.required("shape", call.ints("shape")) : try call.ints(1)
        guard let shape else { throw ModelError(.invalidGraph, "input 1, the shape, is missing") }
        return [.tensor(try data.reshaped(checking: Self.dims(shape, of: data, zeroIsZero: call.bool("allowzero"))))]
    }

    private static func dims(_ shape: [Int], of data: Tensor, zeroIsZero: Bool) throws -> [Int] {
        var dims = shape, unknown: Int?
        for (axis, size) in shape.enumerated() {
            if size == 0, !zeroIsZero {
                guard axis < data.dims.count else { throw ModelError(.invalidGraph, "shape \(shape) keeps axis \(axis) of \(data.dims), which has none") }
                dims[axis] = data.dims[axis]
            } else if size == -1 {
                guard unknown == nil else { throw ModelError(.invalidGraph, "shape \(shape) has -1 twice, one size can follow from the others") }
                unknown = axis
                dims[axis] = 1
            } else if size < 0 {
                throw ModelError(.invalidGraph, "shape \(shape) holds \(size), sizes are at least 0, or -1 once")
            }
        }
        guard let unknown else { return dims }
        let known = try checkedCount(dims), count = try checkedCount(data.dims)
        guard known > 0 ? count % known == 0 : count == 0 else {
            throw ModelError(.invalidGraph, "cannot give \(data.dims) the shape \(shape): \(count) elements are no multiple of \(known)")
        }
        dims[unknown] = known > 0 ? count / known : 0
        return dims
    }
}

extension Tensor {
    /// The same elements with other dims. Throws if those hold another number of elements.
    func reshaped(checking dims: [Int]) throws -> Tensor {
        let count = try checkedCount(dims)
        guard count == elementCount else { throw ModelError(.invalidGraph, "cannot give \(self.dims) the dims \(dims): those hold \(count) elements") }
        return reshaped(dims)
    }
}

extension Reshape {
    /// The same rule for symbols. A symbol is taken not to be 0, which would stand for the input's size.
    private static func dims(_ shape: [Dim], of data: Fact, zeroIsZero: Bool) throws -> [Dim] {
        if let shape = shape.numbers, let dims = data.fixedDims {
            return try self.dims(shape, of: Tensor(.uint8, dims: dims, bytes: .empty), zeroIsZero: zeroIsZero).map(Dim.value)
        }
        var dims = shape, open: [Int] = []
        for (axis, size) in shape.enumerated() {
            if size == 0, !zeroIsZero {
                if let rank = data.rank, axis >= rank {
                    throw ModelError(.invalidGraph, "shape \(shape.text) keeps axis \(axis) of \(data), which has none")
                }
                dims[axis] = data.dims?[axis] ?? .unknown
            } else if size == -1 || size.lowerBound ?? -1 < 0 {
                if let wrong = size.value, wrong < -1 {
                    throw ModelError(.invalidGraph, "shape \(shape.text) holds \(wrong), sizes are at least 0, or -1 once")
                }
                dims[axis] = .unknown
                open.append(axis)
            }
        }
        let inferred = shape.count { $0 == -1 }
        guard inferred <= 1 else { throw ModelError(.invalidGraph, "shape \(shape.text) has -1 twice, one size can follow from the others") }
        // A size that is not known at all may be the -1, or may be 0: then an axis of the input takes its place; either way all others are right.
        if open.count == 1, let axis = open.first, !data.elementCount.isUnknown {
            let known = Dim.product(dims.indices.filter { $0 != axis }.map { dims[$0] })
            let quotient = data.elementCount.floorDiv(known)
            if known != 0 { dims[axis] = quotient }
        }
        return dims
    }
}

extension Fact {
    /// The same elements with other dims.
    func reshaped(_ dims: [Dim]) -> Fact {
        if let constant, let dims = dims.numbers, Tensors.elementCount(of: dims) == constant.elementCount { return Fact(constant: constant.reshaped(dims)) }
        return Fact(elementType, dims, integers: dims.count <= 1 ? integers : nil)
    }

    /// As many unknown elements as a small tensor has.
    var unknownIntegers: [Dim]? {
        guard elementType == .int64 || elementType == .int32 || elementType == .bool, let count = elementCount.value, count <= Fact.integerLimit else { return nil }
        return [Dim](repeating: .unknown, count: count)
    }
}
