internal import Tensors
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Discrete Fourier transforms of one length, in binary64: radix 2 where the length is a power of two, else Bluestein's
/// (a convolution of a power of two's length).
struct FourierTransform: Sendable {
    let length: Int
    let inverse: Bool
    /// Length of the radix-2 transforms.
    private let size: Int
    /// exp(-2πi·k/size), k < size / 2.
    private let roots: [Complex]
    /// Bluestein's factors exp(∓πi·k²/length) and the transform of their conjugates.
    private let chirp: [Complex]
    private let filter: [Complex]

    struct Complex: Sendable {
        var re: Double
        var im: Double

        static func * (a: Complex, b: Complex) -> Complex { Complex(re: a.re * b.re - a.im * b.im, im: a.re * b.im + a.im * b.re) }
        static func + (a: Complex, b: Complex) -> Complex { Complex(re: a.re + b.re, im: a.im + b.im) }
        static func - (a: Complex, b: Complex) -> Complex { Complex(re: a.re - b.re, im: a.im - b.im) }
        var conjugate: Complex { Complex(re: re, im: -im) }
        static let zero = Complex(re: 0, im: 0)

        /// exp(i·angle).
        static func turn(_ angle: Double) -> Complex { Complex(re: cos(angle), im: sin(angle)) }
    }

    /// Throws for lengths whose tables would not fit in sensible memory.
    init(length: Int, inverse: Bool) throws {
        guard length >= 1, length <= 1 << 26 else { throw ModelError(.limit, "a transform of length \(length); 1 to 2^26 is supported") }
        self.length = length
        self.inverse = inverse
        var size = 1
        let isPower = length & (length - 1) == 0
        while size < (isPower ? length : 2 * length - 1) { size *= 2 }
        self.size = size
        let sizeOfRoots = size
        let roots = (0..<size / 2).map { Complex.turn(-2 * .pi * Double($0) / Double(sizeOfRoots)) }
        self.roots = roots
        guard !isPower else {
            (chirp, filter) = ([], [])
            return
        }
        let sign: Double = inverse ? 1 : -1
        // k² modulo 2·length keeps the angle exact; length is below 2^26, so k² fits.
        let chirp = (0..<length).map { Complex.turn(sign * .pi * Double($0 * $0 % (2 * length)) / Double(length)) }
        var filter = [Complex](repeating: .zero, count: size)
        for k in 0..<length {
            filter[k] = chirp[k].conjugate
            if k > 0 { filter[size - k] = chirp[k].conjugate }
        }
        Self.forward(&filter, roots)
        (self.chirp, self.filter) = (chirp, filter)
    }

    /// The transform of `values`, which has `length` numbers. The inverse is divided by the length.
    func apply(_ values: inout [Complex]) {
        if chirp.isEmpty {
            if inverse { for k in 0..<length { values[k].im.negate() } }
            Self.forward(&values, roots)
            if inverse { for k in 0..<length { values[k].im.negate() } }
        } else {
            var work = [Complex](repeating: .zero, count: size)
            for k in 0..<length { work[k] = values[k] * chirp[k] }
            Self.forward(&work, roots)
            // The inverse of the product, by conjugation.
            for k in 0..<size { work[k] = (work[k] * filter[k]).conjugate }
            Self.forward(&work, roots)
            let scale = 1 / Double(size)
            for k in 0..<length { values[k] = Complex(re: work[k].re * scale, im: -work[k].im * scale) * chirp[k] }
        }
        if inverse { for k in 0..<length { values[k] = Complex(re: values[k].re / Double(length), im: values[k].im / Double(length)) } }
    }

    private static func forward(_ values: inout [Complex], _ roots: [Complex]) {
        let size = values.count
        var j = 0
        for i in 1..<max(size, 1) where size > 1 {
            var bit = size >> 1
            while j & bit != 0 { j ^= bit; bit >>= 1 }
            j |= bit
            if i < j { values.swapAt(i, j) }
        }
        var half = 1
        while half < size {
            let step = size / (2 * half)
            for start in stride(from: 0, to: size, by: 2 * half) {
                for k in 0..<half {
                    let a = values[start + k], b = values[start + k + half] * roots[k * step]
                    values[start + k] = a + b
                    values[start + k + half] = a - b
                }
            }
            half *= 2
        }
    }
}
