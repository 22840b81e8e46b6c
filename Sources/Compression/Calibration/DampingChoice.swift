internal import CCompression
internal import Tensors

/// Finds how much the diagonal of the input statistics should get: the statistics of few samples show ways to make up for errors that other samples
/// do not have. Some rows are rounded with those of two thirds of the samples and judged by those of the third that was held out.
enum DampingChoice {
    private static let candidates: [Double] = [0.01, 0.03, 0.1, 0.3, 1, 3]
    /// Where the search begins.
    private static let middle = 2

    /// `rows` are `count` rows of weights, `scales` the step of each.
    static func choose(_ moments: InputMoments, rows: [Float], scales: [Float], low: Float, high: Float, ordersColumns: Bool) throws {
        guard moments.damping == nil, let heldOut = moments.heldOut, !scales.isEmpty else { return }
        let training = moments.withoutHeldOut()
        guard training.isTraining else { return }
        var losses: [Int: Double] = [:]
        func loss(_ index: Int) throws -> Double {
            if let known = losses[index] { return known }
            let feedback = try ColumnFeedback(training.second, count: moments.count, ordersColumns: ordersColumns, damping: candidates[index])
            let errors = errors(feedback, rows: rows, scales: scales, low: low, high: high)
            let loss = heldOut.energy(of: errors)
            losses[index] = loss
            return loss
        }
        // The loss falls, then rises.
        var best = middle
        let step = try loss(middle - 1) < loss(middle) ? -1 : 1
        while candidates.indices.contains(best + step), try loss(best + step) < loss(best) { best += step }
        moments.damping = candidates[best]
    }

    /// What rounding changes, row by row.
    private static func errors(_ feedback: ColumnFeedback, rows: [Float], scales: [Float], low: Float, high: Float) -> [Float] {
        let columns = feedback.order.count, lanes = Int(THIMBLE_LANES)
        var x = [Float](repeating: 0, count: columns * lanes), error = x, codes = [Int16](repeating: 0, count: columns * lanes)
        let groups = [UInt32](repeating: 0, count: columns), zero = [Float](repeating: 0, count: lanes)
        var errors = [Float](repeating: 0, count: rows.count)
        for first in stride(from: 0, to: scales.count, by: lanes) {
            let count = min(lanes, scales.count - first)
            var scale = [Float](repeating: 1, count: lanes)
            for lane in 0..<count { scale[lane] = scales[first + lane] }
            for (k, column) in feedback.order.enumerated() {
                for lane in 0..<lanes { x[k * lanes + lane] = lane < count ? rows[(first + lane) * columns + column] : 0 }
            }
            _ = unsafe thimble_round_with_feedback(columns, feedback.factors, feedback.pivots, x, groups, scale, zero, low, high, true, &error, &codes)
            for (k, column) in feedback.order.enumerated() {
                for lane in 0..<count { errors[(first + lane) * columns + column] = error[k * lanes + lane] }
            }
        }
        return errors
    }
}
