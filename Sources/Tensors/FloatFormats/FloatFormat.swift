/// A float type of at most 8 bits: sign, exponent, mantissa, and what its highest codes stand for (OCP "8-bit Floating Point
/// Specification" and "Microscaling Formats"; FNUZ: Noune et al. 2022). E8M0, which has no sign, is `ScaleFormat`.
package struct FloatFormat: Sendable {
    /// What a format keeps beside its finite numbers.
    package enum Specials: Sendable {
        /// The highest exponent is infinity and NaN, as in IEEE 754.
        case infinityAndNaN
        /// Only the code with all bits set, of either sign, is NaN.
        case onlyNaN
        /// The code of negative zero is the one NaN.
        case negativeZeroIsNaN
        /// None.
        case finite
    }

    package let exponentBits: Int
    package let mantissaBits: Int
    package let bias: Int
    package let specials: Specials

    package static let e4m3fn = FloatFormat(exponentBits: 4, mantissaBits: 3, bias: 7, specials: .onlyNaN)
    package static let e4m3fnuz = FloatFormat(exponentBits: 4, mantissaBits: 3, bias: 8, specials: .negativeZeroIsNaN)
    package static let e5m2 = FloatFormat(exponentBits: 5, mantissaBits: 2, bias: 15, specials: .infinityAndNaN)
    package static let e5m2fnuz = FloatFormat(exponentBits: 5, mantissaBits: 2, bias: 16, specials: .negativeZeroIsNaN)
    package static let e2m1 = FloatFormat(exponentBits: 2, mantissaBits: 1, bias: 1, specials: .finite)
    package static let e2m3 = FloatFormat(exponentBits: 2, mantissaBits: 3, bias: 1, specials: .finite)
    package static let e3m2 = FloatFormat(exponentBits: 3, mantissaBits: 2, bias: 3, specials: .finite)

    /// The format of an element type, nil for types that have none here.
    package init?(_ type: ElementType) {
        switch type {
        case .float8e4m3fn: self = .e4m3fn
        case .float8e4m3fnuz: self = .e4m3fnuz
        case .float8e5m2: self = .e5m2
        case .float8e5m2fnuz: self = .e5m2fnuz
        case .float4e2m1: self = .e2m1
        case .float6e2m3: self = .e2m3
        case .float6e3m2: self = .e3m2
        default: return nil
        }
    }

    private init(exponentBits: Int, mantissaBits: Int, bias: Int, specials: Specials) {
        self.exponentBits = exponentBits
        self.mantissaBits = mantissaBits
        self.bias = bias
        self.specials = specials
    }

    private var magnitudeBits: Int { exponentBits + mantissaBits }
    private var signBit: UInt8 { 1 << UInt8(magnitudeBits) }

    /// The code of the largest finite number.
    private var maximumCode: UInt8 {
        switch specials {
        case .infinityAndNaN: signBit - 1 - (1 << UInt8(mantissaBits))
        case .onlyNaN: signBit - 2
        case .negativeZeroIsNaN, .finite: signBit - 1
        }
    }

    /// What a code stands for; bits beyond the format's are ignored.
    package func decode(_ code: UInt8) -> Float {
        let magnitude = code & (signBit - 1), isNegative = code & signBit != 0
        if magnitude > maximumCode {
            guard specials == .infinityAndNaN, magnitude == maximumCode + 1 else { return .nan }
            return isNegative ? -.infinity : .infinity
        }
        if specials == .negativeZeroIsNaN, magnitude == 0, isNegative { return .nan }
        let exponent = Int(magnitude) >> mantissaBits, mantissa = Int(magnitude) & ((1 << mantissaBits) - 1)
        let significand = exponent == 0 ? mantissa : mantissa + (1 << mantissaBits)
        // Every such number is a normal binary32, so both factors and their product are exact.
        let value = Float(significand) * Float(sign: .plus, exponent: max(exponent, 1) - bias - mantissaBits, significand: 1)
        return isNegative ? -value : value
    }

    /// All codes of a byte at once.
    package func table() -> [Float] { (0...255).map { decode(UInt8($0)) } }

    /// The nearest code, ties to even. Beyond the largest finite number: that number if `saturate`, else infinity where the
    /// format has it, else NaN; formats without specials always saturate, and their NaN becomes a zero.
    package func encode(_ value: Double, saturate: Bool) -> UInt8 {
        let sign = value.sign == .minus ? signBit : 0
        if value.isNaN {
            switch specials {
            case .infinityAndNaN: return sign | (maximumCode + 3)
            case .onlyNaN: return sign | (signBit - 1)
            case .negativeZeroIsNaN: return signBit
            case .finite: return sign ^ signBit
            }
        }
        let magnitude = roundedMagnitude(value.magnitude)
        if magnitude > Int(maximumCode) {
            if saturate || specials == .finite { return sign | maximumCode }
            switch specials {
            case .infinityAndNaN: return sign | (maximumCode + 1)
            case .onlyNaN: return sign | (signBit - 1)
            case .negativeZeroIsNaN, .finite: return signBit
            }
        }
        if magnitude == 0, specials == .negativeZeroIsNaN { return 0 }
        return sign | UInt8(magnitude)
    }

    /// The code as if exponents went on for ever, at most one above all codes.
    private func roundedMagnitude(_ value: Double) -> Int {
        guard value.isFinite else { return Int(signBit) }
        guard value > 0 else { return 0 }
        let exponent = max(Int(value.exponent), 1 - bias)
        guard exponent + bias < 1 << exponentBits else { return Int(signBit) }
        // In steps of the last place; a power of two divides exactly.
        let steps = Int((value * Double(sign: .plus, exponent: mantissaBits - exponent, significand: 1)).rounded(.toNearestOrEven))
        // A normal number's steps hold the leading one, which counts as one exponent; a carry moves to the next exponent by itself.
        return (exponent + bias - 1) << mantissaBits + steps
    }
}

/// FLOAT8E8M0: an exponent and nothing else, for scales (OCP "Microscaling Formats"). Code 255 is NaN.
package enum ScaleFormat {
    package enum Rounding: String, Sendable {
        case up, down, nearest
    }

    /// The power of two that `value`'s magnitude rounds to; `.nearest` takes ties up. Without `saturate` what is beyond the
    /// largest becomes NaN.
    package static func encode(_ value: Float, _ rounding: Rounding, saturate: Bool) -> UInt8 {
        let exponent = UInt8(truncatingIfNeeded: value.bitPattern >> 23), fraction = value.bitPattern & 0x7f_ffff
        guard exponent < 255 else { return saturate && value.isInfinite ? 254 : 255 }
        let roundsUp: Bool
        switch rounding {
        case .down: roundsUp = false
        case .up: roundsUp = fraction > 0
        // Below the smallest normal number only more than half goes up: the lower neighbour there stands for zero.
        case .nearest: roundsUp = exponent > 0 ? fraction >= 0x40_0000 : fraction > 0x40_0000
        }
        guard roundsUp else { return exponent }
        return saturate ? min(exponent + 1, 254) : exponent + 1
    }
}
