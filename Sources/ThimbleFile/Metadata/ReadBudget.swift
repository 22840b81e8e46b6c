internal import Tensors

/// What reading metadata may cost. Two sums: memory that is taken, and the size the model would have with nothing shared, which
/// is what somebody who walks it has to do.
struct ReadBudget {
    private var memory = 0
    private var expanded = 0
    private let memoryLimit: Int
    /// An ONNX model is less than 2 GiB without its values (the limit of protobuf), so no honest one is larger.
    private static let expandedLimit = 1 << 31

    init(memoryLimit: Int) {
        self.memoryLimit = memoryLimit
    }

    var cost: Int { expanded }

    /// `bytes` of new memory.
    mutating func take(_ bytes: Int) throws {
        memory += bytes
        guard memory <= memoryLimit else {
            throw ModelError(
                .limit, "the metadata describes a model that takes more than \(printable(bytes: memoryLimit)) of memory; raise the limit on decoded bytes to read it")
        }
        try share(bytes)
    }

    /// `bytes` that are in memory already and used once more.
    mutating func share(_ bytes: Int) throws {
        expanded += bytes
        guard expanded <= Self.expandedLimit else {
            throw ModelError(.limit, "the metadata uses shared parts so often that the model would be larger than any ONNX model, 2 GiB")
        }
    }
}
