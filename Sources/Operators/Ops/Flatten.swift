package import Tensors

package enum Flatten: Checkable, Inferring {
    package static let name: Name = "Flatten"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkAxis(extra: 1, into: &report)
    }
}

extension Flatten: Runnable {
    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0), axis = try call.int("axis", 1)
        guard let dims = data.dims else { return [Fact(data.elementType, [.unknown, .unknown])] }
        let rank = dims.count
        guard axis >= -rank, axis <= rank else { throw ModelError(.invalidGraph, "axis \(axis) of \(rank) dimensions; -\(rank) to \(rank) exist") }
        let cut = axis < 0 ? axis + rank : axis
        return [data.reshaped([.product(dims[..<cut]), .product(dims[cut...])])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), rank = data.dims.count
        let axis = try call.int("axis", 1)
        guard axis >= -rank, axis <= rank else { throw ModelError(.invalidGraph, "axis \(axis) of \(rank) dimensions; -\(rank) to \(rank) exist") }
        let cut = axis < 0 ? axis + rank : axis
        let rows = try checkedCount(Array(data.dims[..<cut])), columns = try checkedCount(Array(data.dims[cut...]))
        return [.tensor(try data.reshaped(checking: [rows, columns]))]
    }
}
