package import Tensors

package enum DepthToSpace: Checkable {
    package static let name: Name = "DepthToSpace"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        if let size = node.int("blocksize"), size < 1 {
            report.error("attribute 'blocksize' is \(size), at least 1 is expected")
        }
    }
}

extension DepthToSpace: Runnable {
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
