package import Tensors

package enum NonZero: Inferring, Runnable {
    package static let name: Name = "NonZero"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(.int64, [try call.tensor(0).rank.map(Dim.value) ?? .unknown, .unknown])] }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0)
        let places = try places(of: data)
        let dims = data.dims.isEmpty ? [1] : data.dims, strides = denseStrides(dims)
        let (size, rank) = (places.count, data.dims.count)
        try call.environment.checkAllocation(8 * size * max(rank, 1))
        let result = try NewElements<Int64>(size * rank)
        for axis in 0..<rank {
            for (column, place) in places.enumerated() { result[axis * size + column] = Int64(place / strides[axis] % dims[axis]) }
        }
        return [.tensor(result.tensor(.int64, [rank, size]))]
    }

    private static func places(of data: Tensor) throws -> [Int] {
        func search<T: Element>(_ type: T.Type, _ isZero: (T) -> Bool) throws -> [Int] {
            try unsafe data.elements(as: T.self).withUnsafeBuffer { buffer in
                buffer.indices.filter { unsafe !isZero(buffer[$0]) }
            }
        }
        switch data.elementType {
        case .string: return try data.stringList().enumerated().filter { !$0.element.isEmpty }.map(\.offset)
        case .float: return try search(Float.self) { $0 == 0 }
        case .double: return try search(Double.self) { $0 == 0 }
        case .float16, .bfloat16: return try search(UInt16.self) { $0 & 0x7fff == 0 }
        case .int64, .uint64: return try search(Int64.self) { $0 == 0 }
        case .int32, .uint32: return try search(Int32.self) { $0 == 0 }
        case .int16, .uint16: return try search(Int16.self) { $0 == 0 }
        case .int8, .uint8, .bool: return try search(UInt8.self) { $0 == 0 }
        default: throw ModelError(.unsupported, "cannot look for zeros among \(data.elementType)")
        }
    }
}
