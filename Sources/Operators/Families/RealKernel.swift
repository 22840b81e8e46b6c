internal import Tensors

/// Something that is computed from the elements of one tensor of any float type.
protocol RealKernel {
    func run<T: Real>(_ data: Elements<T>) throws -> NewElements<T>
}

extension Tensor {
    /// What `kernel` makes of the elements, in this tensor's type. DOUBLE is computed in binary64, every other float type in binary32.
    func computing(_ kernel: some RealKernel, _ dims: [Int], _ call: Call) throws -> Tensor {
        let count = try checkedCount(dims)
        try call.environment.checkAllocation(count * (elementType == .double ? 8 : 4))
        if elementType == .double { return try kernel.run(elements(as: Double.self)).tensor(.double, dims) }
        return try .rounding(kernel.run(floats("input 0")), to: elementType, dims)
    }
}
