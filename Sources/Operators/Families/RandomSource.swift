#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif
internal import Tensors

/// Random numbers of one call: of the run, or with the attribute `seed` the same in each run.
struct RandomSource {
    private let environment: any RunEnvironment
    /// Of SplitMix64 (Steele, Lea, Flood 2014); nil takes the bits of the run.
    private var state: UInt64?
    /// The second number of the last pair.
    private var spare: Double?

    init(_ call: Call) throws {
        environment = call.environment
        state = try call.float("seed").flatMap { $0.isNaN ? nil : UInt64($0.bitPattern) }
    }

    mutating func bits() -> UInt64 {
        guard let last = state else { return environment.nextRandom() }
        let next = last &+ 0x9e37_79b9_7f4a_7c15
        state = next
        var z = (next ^ (next >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// At least 0, less than 1. A multiple of 2^-24, so that it is less than 1 in binary32 too.
    mutating func uniform() -> Double { Double(bits() >> 40) * 0x1p-24 }

    /// Of mean 0 and variance 1 (Box and Muller 1958).
    mutating func normal() -> Double {
        if let number = spare {
            spare = nil
            return number
        }
        let radius = (-2 * log(Double((bits() >> 11) + 1) * 0x1p-53)).squareRoot(), angle = 2 * Double.pi * Double(bits() >> 11) * 0x1p-53
        spare = radius * sin(angle)
        return radius * cos(angle)
    }
}

extension Call {
    /// A tensor of `type` whose elements are `scale` · number + `offset`; the numbers are normal or uniform in [0, 1).
    func randomTensor(_ type: ElementType, _ dims: [Int], scale: Float, offset: Float, isNormal: Bool) throws -> Tensor {
        guard [.float, .double, .float16, .bfloat16].contains(type) else {
            throw ModelError(.invalidGraph, "random numbers are to be \(type); FLOAT, DOUBLE, FLOAT16 or BFLOAT16 is needed")
        }
        let count = try room(for: dims, of: .double)
        var random = try RandomSource(self)
        if type == .double {
            let values = try NewElements<Double>(count)
            for index in 0..<count { values[index] = Double(scale) * (isNormal ? random.normal() : random.uniform()) + Double(offset) }
            return values.tensor(.double, dims)
        }
        let values = try NewElements<Float>(count)
        for index in 0..<count { values[index] = scale * Float(isNormal ? random.normal() : random.uniform()) + offset }
        return try .rounding(values, to: type, dims)
    }

    /// The dims of a RandomNormal or RandomUniform.
    func randomShape() throws -> [Int] { try required("shape", ints("shape")) }
}
