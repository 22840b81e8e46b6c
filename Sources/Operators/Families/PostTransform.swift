#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif
internal import Tensors

/// What the models of ai.onnx.ml do to their scores in the end. Computed in binary32 as ONNX Runtime does.
enum PostTransform {
    case none, softmax, logistic, softmaxZero, probit

    /// The attribute `post_transform`.
    init(_ call: Call) throws {
        let name = try call.string("post_transform", "NONE")
        switch name {
        case "NONE": self = .none
        case "SOFTMAX": self = .softmax
        case "LOGISTIC": self = .logistic
        case "SOFTMAX_ZERO": self = .softmaxZero
        case "PROBIT": self = .probit
        default:
            throw ModelError(.invalidGraph, "'post_transform' is '\(printable(name))'; NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO or PROBIT is needed")
        }
    }

    /// As TreeEnsemble numbers them.
    init(number: Int) throws {
        switch number {
        case 0: self = .none
        case 1: self = .softmax
        case 2: self = .logistic
        case 3: self = .softmaxZero
        case 4: self = .probit
        default: throw ModelError(.invalidGraph, "'post_transform' is \(number), 0 to 4 is needed")
        }
    }

    /// Transforms each row of `width` scores. ONNX Runtime leaves rows of one score as they are but for PROBIT, and models rely on it.
    func apply<T: Element & BinaryFloatingPoint>(to scores: NewElements<T>, width: Int) {
        guard width > 0 else { return }
        for start in stride(from: 0, to: scores.count, by: width) { apply(to: scores, from: start, width: width) }
    }

    func apply<T: Element & BinaryFloatingPoint>(to scores: NewElements<T>, from start: Int, width: Int) {
        guard width > 1 || self == .probit else { return }
        let range = start..<start + width
        switch self {
        case .none: break
        case .logistic: for index in range { scores[index] = T(Self.logistic(Float(scores[index]))) }
        case .probit: for index in range { scores[index] = T(Self.probit(Float(scores[index]))) }
        case .softmax: Self.softmax(scores, range, skipsZeros: false)
        case .softmaxZero: Self.softmax(scores, range, skipsZeros: true)
        }
    }

    /// Both scores of a model of two classes that knows one. `complement` says that they add up to 1, not to 0.
    func pair<T: BinaryFloatingPoint>(_ score: T, complement: Bool) -> (T, T) {
        if self == .logistic { return (T(Self.logistic(-Float(score))), T(Self.logistic(Float(score)))) }
        let other = complement ? 1 - score : -score
        return self == .probit ? (T(Self.probit(Float(other))), T(Self.probit(Float(score)))) : (other, score)
    }

    static func logistic(_ x: Float) -> Float {
        let value = 1 / (1 + expf(-abs(x)))
        return x < 0 ? 1 - value : value
    }

    /// √2 · erf⁻¹(2x - 1), the inverse by Winitzki's approximation with a = 0.147, as ONNX Runtime has it.
    private static func probit(_ x: Float) -> Float {
        let y = 2 * x - 1
        let log = logf((1 - y) * (1 + y))
        let v = 2 / (3.14159 * 0.147 as Float) + 0.5 * log
        let root = (-v + (v * v - 1 / 0.147 * log).squareRoot()).squareRoot()
        return 1.41421356 * (y < 0 ? -root : root)
    }

    /// SOFTMAX_ZERO lets scores of (almost) zero stay zero.
    private static func softmax<T: Element & BinaryFloatingPoint>(_ scores: NewElements<T>, _ range: Range<Int>, skipsZeros: Bool) {
        var greatest = -Float.greatestFiniteMagnitude
        for index in range { greatest = max(greatest, Float(scores[index])) }
        var sum: Float = 0
        for index in range {
            let score = Float(scores[index])
            if skipsZeros && abs(score) <= 1e-7 {
                scores[index] = T(score * expf(-greatest))
            } else {
                let power = expf(score - greatest)
                sum += power
                scores[index] = T(power)
            }
        }
        for index in range { scores[index] = T(Float(scores[index]) / sum) }
    }
}
