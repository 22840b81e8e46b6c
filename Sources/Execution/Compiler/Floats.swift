internal import Operators
internal import Tensors

extension Tensor {
    /// The numbers of a float tensor as binary32 bytes that have an address, in place where they are that already.
    func float32Bytes() throws -> TensorBytes {
        if elementType == .float, case .plain(let bytes) = try readyToRun().encoding, bytes.hasAddress { return bytes }
        let numbers = try floats("the value")
        let copy = try NewElements<Float>(numbers.count)
        fill(copy, from: numbers) { $0 }
        return TensorBytes(copy.memory)
    }

    /// True for a BOOL scalar or element that is set.
    var isTrue: Bool {
        get throws { try elements(as: UInt8.self).first.map { $0 != 0 } ?? false }
    }
}

extension Tensor {
    /// The same with plain bytes that have an address (unless there are no elements): encoded ones are decoded.
    func inPlace() throws -> Tensor {
        let ready = try readyToRun()
        if case .plain(let bytes) = ready.encoding, bytes.hasAddress { return ready }
        return try Tensor(elementType, dims: dims, bytes: plainBytes()).readyToRun()
    }
}
