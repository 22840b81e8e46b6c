package import Tensors

package enum DepthToSpace: Checkable, Inferring {
    package static let name: Name = "DepthToSpace"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        if let size = node.int("blocksize"), size < 1 {
            report.error("attribute 'blocksize' is \(size), at least 1 is expected")
        }
    }
}

extension DepthToSpace: Runnable {
    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0), size = try call.required("blocksize", call.int("blocksize"))
        guard size >= 1, size <= 1 << 20 else { throw ModelError(.invalidGraph, "blocksize is \(size), 1 to 2^20 is needed") }
        guard let dims = data.dims else { return [Fact(data.elementType, [.unknown, .unknown, .unknown, .unknown])] }
        guard dims.count == 4, dims[1].value.map({ $0 % (size * size) == 0 }) ?? true else {
            throw ModelError(.invalidGraph, "input 0 is \(data), 4 dimensions and a multiple of \(size * size) channels are needed")
        }
        return [Fact(data.elementType, [dims[0], dims[1].floorDiv(size * size), dims[2] * size, dims[3] * size])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), size = try call.required("blocksize", call.int("blocksize")), mode = try call.string("mode", "DCR")
        try data.checkRank(4, "input 0")
        guard size >= 1, size <= 1 << 20, data.dims[1] % (size * size) == 0 else {
            throw ModelError(.invalidGraph, "\(data.dims[1]) channels are no multiple of blocksize \(size) squared")
        }
        guard mode == "DCR" || mode == "CRD" else { throw ModelError(.invalidGraph, "mode is '\(printable(mode))', DCR or CRD is needed") }
        let (n, c, h, w) = (data.dims[0], data.dims[1] / (size * size), data.dims[2], data.dims[3])
        let result = [n, c, h * size, w * size]
        _ = try checkedCount(result)
        let split = mode == "DCR" ? [n, size, size, c, h, w] : [n, c, size, size, h, w]
        let perm = mode == "DCR" ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3]
        return [.tensor(try data.reshaped(checking: split).transposed(perm, call, reshaped: result))]
    }
}
