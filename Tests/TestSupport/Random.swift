/// A generator whose seed is printed when a test fails: put `#expect(…, "seed \(random.seed)")`. SplitMix64 (Steele, Lea, Flood 2014).
public struct SeededRandom: RandomNumberGenerator {
    public let seed: UInt64
    private var state: UInt64

    /// A new seed each run; give the printed one to see a failure again.
    public init(seed: UInt64 = SeededRandom.seedOfThisRun) {
        self.seed = seed
        state = seed
    }

    public static let seedOfThisRun: UInt64 = .random(in: 0 ... .max)

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    public mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 32) }
    }
}
