internal import ModelGraph
package import Tensors

package enum Transpose: Checkable, Inferring {
    package static let name: Name = "Transpose"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        guard let perm = node.ints("perm") else { return }
        if perm.sorted() != Array(0..<Int64(perm.count)) {
            report.error("attribute 'perm' is \(listText(perm)), each of 0 to \(perm.count - 1) once is expected")
        } else if let rank = node.rank(ofInput: 0), rank != perm.count {
            report.error("attribute 'perm' has \(counted(perm.count, "number")), the input has \(counted(rank, "dimension"))")
        }
    }
}

extension Transpose: Runnable {
    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0), perm = try call.ints("perm")
        guard let dims = data.dims else { return [Fact(data.elementType, perm.map { $0.map { _ in .unknown } })] }
        let order = perm ?? Array(dims.indices.reversed())
        guard order.count == dims.count, order.sorted() == Array(dims.indices) else {
            throw ModelError(.invalidGraph, "perm is \(order), each axis of \(dims.text) once is needed")
        }
        return [dims.count <= 1 ? data : Fact(data.elementType, order.map { dims[$0] })]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), rank = data.dims.count
        let perm = try call.ints("perm") ?? Array((0..<rank).reversed())
        guard perm.count == rank, perm.sorted() == Array(0..<rank) else {
            throw ModelError(.invalidGraph, "perm is \(perm), each axis of \(data.dims) once is needed")
        }
        return [.tensor(try data.transposed(perm, call))]
    }
}

extension Tensor {
    /// Axis i of the result is axis `perm[i]`; `perm` was checked. `reshaped` gives the result other dims.
    func transposed(_ perm: [Int], _ call: Call, reshaped: [Int]? = nil) throws -> Tensor {
        let strides = denseStrides(dims), result = perm.map { dims[$0] }
        // What only moves axes of one cell leaves every element where it is.
        let moved = perm.filter { dims[$0] != 1 }
        if moved == moved.sorted() { return self.reshaped(reshaped ?? result) }
        return try CellMover.view(call, self, result, Stepping(steps: perm.map { strides[$0] }), reshaped: reshaped)
    }
}
