package import Tensors

package enum Reshape: Checkable {
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
