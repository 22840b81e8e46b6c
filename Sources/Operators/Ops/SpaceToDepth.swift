package import Tensors

package enum SpaceToDepth: Checkable, Inferring {
    package static let name: Name = "SpaceToDepth"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        if let size = node.int("blocksize"), size < 1 {
            report.error("attribute 'blocksize' is \(size), at least 1 is expected")
        }
    }
}

extension SpaceToDepth: Runnable {
    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0), size = try call.required("blocksize", call.int("blocksize"))
        guard size >= 1, size <= 1 << 20 else { throw ModelError(.invalidGraph, "blocksize is \(size), 1 to 2^20 is needed") }
        guard let dims = data.dims else { return [Fact(data.elementType, [.unknown, .unknown, .unknown, .unknown])] }
        guard dims.count == 4, dims[2...].allSatisfy({ $0.value.map { $0 % size == 0 } ?? true }) else {
            throw ModelError(.invalidGraph, "input 0 is \(data), 4 dimensions are needed, the last two multiples of \(size)")
        }
        return [Fact(data.elementType, [dims[0], dims[1] * (size * size), dims[2].floorDiv(size), dims[3].floorDiv(size)])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), size = try call.required("blocksize", call.int("blocksize"))
        try data.checkRank(4, "input 0")
        guard size >= 1, size <= 1 << 20, data.dims[2] % size == 0, data.dims[3] % size == 0 else {
            throw ModelError(.invalidGraph, "\(data.dims[2]) x \(data.dims[3]) cells are no multiple of blocksize \(size)")
        }
        let (n, c, h, w) = (data.dims[0], data.dims[1], data.dims[2] / size, data.dims[3] / size)
        guard let channels = checkedMultiply(c, size * size) else { throw ModelError(.limit, "\(c) channels of \(size) x \(size) are too many") }
        let split = try data.reshaped(checking: [n, c, h, size, w, size])
        _ = try checkedCount([n, channels, h, w])
        return [.tensor(try split.transposed([0, 3, 5, 1, 2, 4], call, reshaped: [n, channels, h, w]))]
    }
}
