internal import CCompression
internal import Tensors

extension WeightRounding {
    /// A weight as it was rounded.
    struct Chosen {
        let plan: Plan
        let results: [Plan.StripResult]
        /// The form was chosen by some of the rows, and without statistics the method.
        let isInPart: Bool
    }

    /// Weights of more elements are judged by some of their rows, where there is something to choose.
    static let mostJudged = 1 << 20
    private static let sampleSize = 1 << 18
    /// Of methods that differ by less, in parts of the error, large weights get the one that takes least time.
    private static let tolerance = 0.01

    /// Rounds in the form that measures best, in it each row by the method that does. Of a large weight the form is chosen by rows that lie evenly, about a quarter of
    /// a million weights; where nothing is known of inputs, so that the search for scales is what takes time, they also choose one method for all rows.
    func choose(_ facts: Facts, _ cells: Cells, _ room: CodeStore.Room) throws -> Chosen {
        let forms = RoundingForm.all(options, hasStatistics: statistics != nil, isOneCell: cells.isOne)
        let strips = reader.strips(lanes: Int(THIMBLE_LANES), size: statistics == nil ? 1 << 17 : 1 << 18), reader = reader
        func plan(_ form: RoundingForm) throws -> Plan { try Plan(self, facts, cells, form) }
        func judge(_ form: RoundingForm) throws -> Plan { try Plan(self, facts, cells, form, candidates: form.judges) }
        func rounded(_ plan: Plan, _ strips: [StripReader.Strip], into room: CodeStore.Room?, measures: Bool) throws -> [Plan.StripResult] {
            let results = StripResults<Plan.StripResult>(strips.count)
            try concurrently(strips.count, threads: options.threads) {
                results[$0] = plan.round(try reader.floats(strips[$0]), strips[$0], into: room, measures: measures)
            }
            return results.all()
        }
        if forms.count > 1 || forms[0].candidates.count > 1 && statistics == nil, reader.view.elementCount > Self.mostJudged {
            // Rows that lie across memory are read once.
            let sample = try sample().map { (strip: $0, values: try reader.floats($0)) }
            let errors = try forms.count > 1 ? forms.map { try self.errors(judge($0), sample).all } : [0]
            var best = forms[errors.indices.min { errors[$0] < errors[$1] } ?? 0]
            if statistics == nil { best.candidates = [quickest(of: best.candidates, try self.errors(plan(best), sample).single)] }
            let plan = try plan(best)
            return Chosen(plan: plan, results: try rounded(plan, strips, into: room, measures: false), isInPart: true)
        }
        // The usual form wins mostly: its codes are kept, and the others only measured.
        let usual = try plan(forms[0]), results = try rounded(usual, strips, into: room, measures: forms.count > 1)
        var least = results.reduce(0) { $0 + $1.error }, winner = 0
        for index in forms.indices.dropFirst() {
            let error = try rounded(judge(forms[index]), strips, into: nil, measures: true).reduce(0) { $0 + $1.error }
            if error < least { (least, winner) = (error, index) }
        }
        guard winner > 0 else { return Chosen(plan: usual, results: results, isInPart: false) }
        let best = try plan(forms[winner])
        return Chosen(plan: best, results: try rounded(best, strips, into: room, measures: false), isInPart: false)
    }

    /// With the best candidate of each row, and with each candidate in all.
    private func errors(_ plan: Plan, _ sample: [(strip: StripReader.Strip, values: [Float])]) throws -> (all: Double, single: [Double]) {
        let results = StripResults<Plan.StripResult>(sample.count)
        try concurrently(sample.count, threads: options.threads) { results[$0] = plan.round(sample[$0].values, sample[$0].strip, into: nil, measures: true) }
        let found = results.all()
        return (found.reduce(0) { $0 + $1.error }, plan.candidates.indices.map { index in found.reduce(0) { $0 + $1.errors[index] } })
    }

    /// The first in the order of the time they take, of those that are as good as the best.
    private func quickest(of candidates: [RoundingCandidate], _ errors: [Double]) -> RoundingCandidate {
        let order: [RoundingCandidate.Scales] = [.given, .range, .halfQuadratic, .leastSquares], most = (errors.min() ?? 0) * (1 + Self.tolerance)
        let good = candidates.indices.filter { errors[$0] <= most }.map { candidates[$0] }
        return order.lazy.compactMap { scales in good.first { $0.scales == scales } }.first ?? candidates[0]
    }

    /// Parts of strips, evenly among all.
    private func sample() -> [StripReader.Strip] {
        let lanes = Int(THIMBLE_LANES), view = reader.view, blocks = ceilDivide(view.rows, lanes)
        let count = max(1, min(view.outer * blocks, Self.sampleSize / (lanes * view.columns)))
        return (0..<count).map { index in
            let block = (2 * index + 1) * view.outer * blocks / (2 * count), first = block % blocks * lanes
            return StripReader.Strip(outer: block / blocks, rows: first..<min(view.rows, first + lanes))
        }
    }
}
