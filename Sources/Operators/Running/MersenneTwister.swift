/// MT19937 (Matsumoto and Nishimura 1998), seeded and read as NumPy's `RandomState` does: the operators' reference
/// implementation draws from it, so that a node with a `seed` gives the same numbers here.
package struct MersenneTwister {
    private var state: [UInt32]
    private var next = 624

    package init(seed: UInt32) {
        state = [seed]
        state.reserveCapacity(624)
        for index in 1..<624 {
            let last = state[index - 1]
            state.append(1_812_433_253 &* (last ^ last >> 30) &+ UInt32(index))
        }
    }

    private mutating func refill() {
        for index in 0..<624 {
            let bits = state[index] & 0x8000_0000 | state[(index + 1) % 624] & 0x7fff_ffff
            state[index] = state[(index + 397) % 624] ^ bits >> 1 ^ (bits & 1 == 1 ? 0x9908_b0df : 0)
        }
        next = 0
    }

    package mutating func nextUInt32() -> UInt32 {
        if next == 624 { refill() }
        var bits = state[next]
        next += 1
        bits ^= bits >> 11
        bits ^= bits << 7 & 0x9d2c_5680
        bits ^= bits << 15 & 0xefc6_0000
        return bits ^ bits >> 18
    }

    /// Uniform in 0 ..< 1, of 53 bits.
    package mutating func nextDouble() -> Double {
        let high = nextUInt32() >> 5, low = nextUInt32() >> 6
        return (Double(high) * 67_108_864 + Double(low)) / 9_007_199_254_740_992
    }
}
