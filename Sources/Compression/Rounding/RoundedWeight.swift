internal import Tensors

/// What rounding made of one weight.
struct RoundedWeight {
    var encoding: Affine
    var method: QuantizationOptions.Method
    /// Sums of squares of the weights and of what rounding changed.
    var signal: Double
    var noise: Double
    /// What the mean of each row's output lost, by matrix and row; empty where nothing is known of inputs.
    var outputShift: [Float]
}

/// Sums of several threads.
final class RoundingSums: @unchecked Sendable {
    private let lock = Lock()
    private(set) var noise = 0.0
    private(set) var methods: Set<QuantizationOptions.Method> = []
    private(set) var largestCode: Int32 = 0

    func add(noise: Double, method: QuantizationOptions.Method, largestCode: Int32) {
        lock.locked {
            self.noise += noise
            methods.insert(method)
            self.largestCode = max(self.largestCode, largestCode)
        }
    }
}
