internal import Tensors

/// Second moments of what a weight is multiplied with: for each matrix of its view, the mean of x·xᵀ and of x over all samples.
struct InputStatistics: Sendable {
    /// Key of the matrix that several weights may share.
    let moments: [InputMoments]

    func diagonal(_ outer: Int) -> [Float] { moments[min(outer, moments.count - 1)].diagonal }
    func mean(_ outer: Int) -> [Float] { moments[min(outer, moments.count - 1)].mean }

    func feedback(_ options: QuantizationOptions) throws -> [ColumnFeedback] {
        try moments.map { try $0.feedback(ordersColumns: options.ordersColumns, damping: options.damping) }
    }
}

/// Mean of x·xᵀ and of x; what follows from them is made once.
final class InputMoments: @unchecked Sendable {
    let count: Int
    /// Row-major, `count` by `count`.
    let second: [Float]
    let mean: [Float]
    private let lock = Lock()
    private var made: ColumnFeedback?

    init(count: Int, second: [Float], mean: [Float]) {
        (self.count, self.second, self.mean) = (count, second, mean)
    }

    var diagonal: [Float] { (0..<count).map { second[$0 * count + $0] } }

    func feedback(ordersColumns: Bool, damping: Double) throws -> ColumnFeedback {
        try lock.locked {
            if let made { return made }
            let feedback = try ColumnFeedback(second, count: count, ordersColumns: ordersColumns, damping: damping)
            made = feedback
            return feedback
        }
    }
}
