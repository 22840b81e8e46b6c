package import Tensors

package enum MaxPool: Checkable, Inferring, Runnable {
    package static let name: Name = "MaxPool"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkWindow(into: &report)
    }

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let dims = try call.pooledDims()?.map(\.asSize)
        return [Fact(try call.type(0), dims), Fact(.int64, dims)]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0)
        let pooling = try Pooling(call, x)
        let places = call.wants(1) ? try call.newElements(pooling.dims, Int64.self) : nil
        let y: Tensor
        switch x.elementType {
        case .double: y = try reals(call, pooling, x, places, Double.self)
        case .int8: y = try integers(call, pooling, x, places, Int8.self)
        case .uint8: y = try integers(call, pooling, x, places, UInt8.self)
        default: y = try reals(call, pooling, x, places, Float.self)
        }
        guard let places else { return [.tensor(y)] }
        if try call.bool("storage_order") { try orderByColumns(places, pooling.window.input) }
        let planes = pooling.window.inputCount
        for index in 0..<places.count where places[index] >= 0 { places[index] += Int64(index / max(1, pooling.window.positions) * planes) }
        return [.tensor(y), .tensor(places.tensor(.int64, pooling.dims))]
    }

    private static func reals<T: RealElement>(_ call: Call, _ pooling: Pooling, _ x: Tensor, _ places: NewElements<Int64>?, _: T.Type) throws -> Tensor {
        let y = try call.newElements(pooling.dims, T.self)
        try pooling.maximum(T.load(x, "the input"), lowest: -T.infinity, into: y, places: places, threads: call.environment.threads)
        return try T.store(y, as: x.elementType, pooling.dims)
    }

    private static func integers<T: Element & FixedWidthInteger>(
        _ call: Call, _ pooling: Pooling, _ x: Tensor, _ places: NewElements<Int64>?, _: T.Type
    ) throws -> Tensor {
        let y = try call.newElements(pooling.dims, T.self)
        try pooling.maximum(x.elements(as: T.self), lowest: .min, into: y, places: places, threads: call.environment.threads)
        return y.tensor(x.elementType, pooling.dims)
    }

    /// Row-major places as if the first axis varied fastest.
    private static func orderByColumns(_ places: NewElements<Int64>, _ dims: [Int]) throws {
        for index in 0..<places.count where places[index] >= 0 {
            var rest = Int(places[index]), coordinates = dims
            for axis in dims.indices.reversed() {
                coordinates[axis] = rest % dims[axis]
                rest /= dims[axis]
            }
            places[index] = Int64(dims.indices.reversed().reduce(0) { $0 * dims[$1] + coordinates[$1] })
        }
    }
}
