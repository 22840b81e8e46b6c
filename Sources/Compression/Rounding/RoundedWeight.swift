internal import Tensors

/// What rounding made of one weight.
struct RoundedWeight {
    var encoding: Affine
    /// How many rows each method rounded.
    var rows: [QuantizationOptions.Method: Int]
    /// Some of the rows decided for all.
    var isChosenInPart: Bool
    /// Sums of squares of the weights and of what rounding changed.
    var signal: Double
    var noise: Double
    /// What the mean of each row's output lost, by matrix and row; empty where nothing is known of inputs.
    var outputShift: [Float]
}

/// Sums over strips.
struct RoundingSums {
    private(set) var noise = 0.0
    private(set) var rows: [QuantizationOptions.Method: Int] = [:]
    private(set) var largestCode: Int32 = 0

    mutating func add(_ result: WeightRounding.Plan.StripResult) {
        noise += result.noise
        rows.merge(result.rows, uniquingKeysWith: +)
        largestCode = max(largestCode, result.largestCode)
    }
}
