internal import Tensors

extension Call {
    /// Throws if input 1 is of integers and holds a zero.
    func checkDivisor() throws {
        let divisor = try tensor(1)
        guard !divisor.elementType.isFloat, let index = try divisor.elementType.withIntegers(ZeroSearch(tensor: divisor)) else { return }
        throw ModelError(.invalidGraph, "element \(index) of the divisor \(divisor.elementType)\(divisor.dims) is 0, integers cannot be divided by it")
    }
}

private struct ZeroSearch: IntegerWork {
    let tensor: Tensor

    func run<T: Number & FixedWidthInteger>(_ type: T.Type) throws -> Int? {
        try unsafe tensor.elements(as: T.self).withUnsafeBuffer { unsafe $0.firstIndex(of: 0) }
    }
}
