internal import Tensors

/// Second moments of what a weight is multiplied with: for each matrix of its view, the mean of x·xᵀ and of x over all samples.
struct InputStatistics: Sendable {
    /// One for each matrix; several weights may share them.
    let moments: [InputMoments]

    func moments(_ outer: Int) -> InputMoments { moments[min(outer, moments.count - 1)] }
    func mean(_ outer: Int) -> [Float] { moments(outer).mean }

    private func damping(of moments: InputMoments, _ options: QuantizationOptions) -> Double { options.damping ?? moments.damping ?? InputMoments.usualDamping }

    /// What rounding does to the output of each of the rows whose weights lost `misses`: e·H·eᵀ with the damped second moments H of one matrix's inputs.
    func errors(of misses: [Float], _ outer: Int, _ options: QuantizationOptions) -> [Double] {
        moments(outer).errors(of: misses, damping: damping(of: moments(outer), options))
    }

    func feedback(_ options: QuantizationOptions) throws -> [ColumnFeedback] {
        try moments.map { try $0.feedback(ordersColumns: options.ordersColumns, damping: damping(of: $0, options)) }
    }
}

/// Mean of x·xᵀ and of x; what follows from them is made once.
final class InputMoments: @unchecked Sendable {
    let count: Int
    /// Vectors it is the mean of.
    let vectorCount: Int
    /// Row-major, `count` by `count`.
    let second: [Float]
    let mean: [Float]
    /// Of samples that are held out to judge by; nil if there are too few.
    let heldOut: InputMoments?
    /// The samples held out are not in this.
    let isTraining: Bool
    private let choice: Choice
    private let lock = Lock()
    private var made: ColumnFeedback?

    /// What the moments with and without the samples held out have in common.
    private final class Choice: @unchecked Sendable {
        private let lock = Lock()
        private var value: Double?
        var damping: Double? {
            get { lock.locked { value } }
            set { lock.locked { value = newValue } }
        }
    }

    /// What the diagonal gets in parts of its mean where nothing says how much is best. Frantar et al. take 0.01 with 128 long texts; samples are fewer here.
    static let usualDamping = 0.05

    init(count: Int, vectorCount: Int, second: [Float], mean: [Float], heldOut: InputMoments? = nil) {
        (self.count, self.vectorCount, self.second, self.mean, self.heldOut) = (count, vectorCount, second, mean, heldOut)
        (isTraining, choice) = (false, Choice())
    }

    private init(_ all: InputMoments, without heldOut: InputMoments) {
        let whole = Float(all.vectorCount), out = Float(heldOut.vectorCount), part = 1 / (whole - out)
        func rest(_ a: [Float], _ b: [Float]) -> [Float] { zip(a, b).map { ($0 * whole - $1 * out) * part } }
        (count, vectorCount, isTraining, choice) = (all.count, all.vectorCount - heldOut.vectorCount, true, all.choice)
        (second, mean, self.heldOut) = (rest(all.second, heldOut.second), rest(all.mean, heldOut.mean), heldOut)
    }

    var diagonal: [Float] { (0..<count).map { second[$0 * count + $0] } }

    /// The best of those tried on the samples held out; nil before that.
    var damping: Double? {
        get { choice.damping }
        set { choice.damping = newValue }
    }

    /// Of all samples but those held out; this itself if there are none of either.
    func withoutHeldOut() -> InputMoments {
        guard !isTraining, let heldOut, heldOut.vectorCount > 0, heldOut.vectorCount < vectorCount else { return self }
        return InputMoments(self, without: heldOut)
    }

    func feedback(ordersColumns: Bool, damping: Double) throws -> ColumnFeedback {
        try lock.locked {
            if let made { return made }
            let feedback = try ColumnFeedback(second, count: count, ordersColumns: ordersColumns, damping: damping)
            made = feedback
            return feedback
        }
    }
}
