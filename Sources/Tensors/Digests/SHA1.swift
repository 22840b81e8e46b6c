/// SHA-1 (FIPS 180-4, section 6.1), because ONNX names it for the checksums of external data. Finds accidents, not attacks.
package struct SHA1 {
    private var state: (UInt32, UInt32, UInt32, UInt32, UInt32) = (0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0)
    /// Bytes of a block that is not full yet.
    private var rest: [UInt8] = []
    private var count: UInt64 = 0
    private var schedule = [UInt32](repeating: 0, count: 80)

    package init() {}

    package mutating func update(_ bytes: RawSpan) {
        count += UInt64(bytes.byteCount)
        var start = 0
        if !rest.isEmpty {
            let taken = min(64 - rest.count, bytes.byteCount)
            for index in 0..<taken { rest.append(bytes.byte(index)) }
            start = taken
            guard rest.count == 64 else { return }
            let full = rest
            rest.removeAll(keepingCapacity: true)
            unsafe block(full.span.bytes, at: 0)
        }
        while bytes.byteCount - start >= 64 {
            block(bytes, at: start)
            start += 64
        }
        for index in start..<bytes.byteCount { rest.append(bytes.byte(index)) }
    }

    /// The digest's 20 bytes of everything so far; ends the computation.
    package mutating func finish() -> [UInt8] {
        let bitCount = count &* 8
        var tail: [UInt8] = [0x80]
        tail += [UInt8](repeating: 0, count: (119 - rest.count) % 64)
        for shift in stride(from: 56, through: 0, by: -8) { tail.append(UInt8(truncatingIfNeeded: bitCount >> UInt64(shift))) }
        unsafe update(tail.span.bytes)
        return [state.0, state.1, state.2, state.3, state.4].flatMap { word in
            stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
        }
    }

    private mutating func block(_ bytes: RawSpan, at start: Int) {
        for index in 0..<16 { schedule[index] = bytes.word(start + 4 * index) }
        for index in 16..<80 {
            let mixed = schedule[index - 3] ^ schedule[index - 8] ^ schedule[index - 14] ^ schedule[index - 16]
            schedule[index] = mixed.rotated(by: 1)
        }
        var (a, b, c, d, e) = state
        for index in 0..<80 {
            let (mixed, constant): (UInt32, UInt32) = switch index {
            case ..<20: ((b & c) | (~b & d), 0x5a82_7999)
            case ..<40: (b ^ c ^ d, 0x6ed9_eba1)
            case ..<60: ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc)
            default: (b ^ c ^ d, 0xca62_c1d6)
            }
            let next = a.rotated(by: 5) &+ mixed &+ e &+ constant &+ schedule[index]
            (e, d, c, b, a) = (d, c, b.rotated(by: 30), a, next)
        }
        state = (state.0 &+ a, state.1 &+ b, state.2 &+ c, state.3 &+ d, state.4 &+ e)
    }
}

extension UInt32 {
    fileprivate func rotated(by bits: UInt32) -> UInt32 { self << bits | self >> (32 - bits) }
}

extension RawSpan {
    fileprivate func byte(_ index: Int) -> UInt8 { unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self) }

    /// Big-endian.
    fileprivate func word(_ index: Int) -> UInt32 { unsafe UInt32(bigEndian: unsafeLoadUnaligned(fromByteOffset: index, as: UInt32.self)) }
}
