internal import ModelGraph
internal import Operators
internal import Tensors

/// Values for inputs of which only the type is known: floats evenly in −1 ... 1, integers and booleans 0 or 1 (small enough to be an
/// index or a token), empty strings. Sizes that the model leaves open are those of `dims` by symbol, else 1.
struct RandomValues {
    private var state: UInt64
    private let dims: [Name: Int]

    init(seed: UInt64, dims: [Name: Int]) {
        state = seed
        self.dims = dims
    }

    mutating func value(_ type: ValueType?) throws -> Value {
        guard case .tensor(let elementType?, let shape?)? = type?.kind else {
            throw ModelError(.badArgument, "is \(type?.description ?? "of unknown type"); random values are made for tensors of known rank, give this one")
        }
        let sizes = shape.dims.map { dim in
            switch dim.size {
            case .value(let size): size > 0 ? Int(size) : 1
            case .symbol(let name): dims[name] ?? 1
            case .unknown: 1
            }
        }
        guard let count = elementCount(of: sizes), count <= 1 << 32 else { throw ModelError(.limit, "\(sizes) is too large for random values") }
        return .tensor(try tensor(elementType, sizes, count))
    }

    private mutating func tensor(_ type: ElementType, _ dims: [Int], _ count: Int) throws -> Tensor {
        if type == .string { return Tensor(.string, dims: dims, encoding: .strings(StringList([[UInt8]](repeating: [], count: count)))) }
        if type.isFloat {
            let values = try NewElements<Float>(count)
            for index in 0..<count { values[index] = Float(Int64(bitPattern: next()) >> 40) / Float(1 << 23) }
            if type == .float { return values.tensor(.float, dims) }
            if type == .double {
                return try NewElements((0..<count).map { Double(values[$0]) }).tensor(.double, dims)
            }
            return try Tensor.rounding(values, to: type, dims)
        }
        guard let width = type.bitWidth, width >= 8, type != .complex64, type != .complex128 else {
            throw ModelError(.unsupported, "random values of type \(type)")
        }
        let memory = try OwnedMemory(byteCount: count * (width / 8))
        unsafe memory.bytes.initializeMemory(as: UInt8.self, repeating: 0)
        for index in 0..<count { unsafe memory.bytes[index * (width / 8)] = UInt8(next() >> 63) }
        return Tensor(type, dims: dims, bytes: TensorBytes(memory))
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    private mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

extension Tensor {
    /// FLOAT rounded to BFLOAT16.
    func asBFloat16() throws -> Tensor {
        let values = try elements(as: Float.self), copy = try NewElements<Float>(values.count)
        for index in 0..<values.count { copy[index] = values[index] }
        return try Tensor.rounding(copy, to: .bfloat16, dims)
    }
}
