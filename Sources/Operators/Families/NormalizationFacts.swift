internal import Tensors

extension InferenceCall {
    /// Means or inverse deviations of what is normalized from `axis` on: as `Normalization.layers` makes them.
    func statistics(axis: Int) throws -> Fact {
        let x = try tensor(0)
        let type: ElementType? = x.elementType.map { $0 == .double ? .double : .float }
        guard let dims = x.dims else { return Fact(type) }
        let first = try self.axis(axis, rank: dims.count)
        return Fact(type, dims[..<first] + dims[first...].map { _ in 1 })
    }
}
