internal import CCompression
internal import Tensors

extension WeightRounding {
    /// What all strips of a weight have in common.
    struct Plan: @unchecked Sendable {
        let rounding: WeightRounding
        let search: ScaleSearch
        let perRow: Int
        let cellColumns: Int
        /// Nil: unclipped, as many as it takes.
        let bits: Int?
        /// Bytes of a code before they are packed.
        let codeWidth: Int
        /// The one cell of a tensor with one.
        let tensorGrid: thimble_grid?
        /// Of unclipped codes: the step of a row is this where rows have their own.
        let entropyStep: Float?
        /// Of a table whose rows are looked up more and less often.
        let rowSteps: RowSteps?
        let candidates: [RoundingCandidate]
        /// One per matrix, where columns feed the errors of those before.
        let feedback: [ColumnFeedback]

        /// `candidates`: nil for those of the form.
        init(_ rounding: WeightRounding, _ facts: Facts, _ cells: Cells, _ form: RoundingForm, candidates: [RoundingCandidate]? = nil) throws {
            self.rounding = rounding
            self.candidates = candidates ?? form.candidates
            (perRow, cellColumns) = (cells.perRow, cells.columns)
            let options = rounding.options, count = Double(rounding.dims.reduce(1, *))
            switch options.scheme {
            case .entropy(let step):
                bits = nil
                codeWidth = 2
                let deviation = Float((facts.squares / max(1, count)).squareRoot())
                let base = max(deviation * Float(step) * rounding.stepFactor, facts.largest / 32000)
                search = ScaleSearch(low: -32767, high: 32767, isAsymmetric: false, storage: ScaleStorage(largest: base * 16, cells: cells.isOne ? 1 : 2))
                entropyStep = Float(step) * rounding.stepFactor
                let storage = search.storage
                rowSteps = cells.isOne ? nil : rounding.rowFactors.map { RowSteps(base: base, factors: $0, largest: facts.largest, storage: storage) }
                tensorGrid = cells.isOne ? thimble_grid(scale: search.storage.fit(base), zero: 0, low: -32767, high: 32767) : nil
            case .integers(let bits):
                self.bits = bits
                codeWidth = 1
                let isAsymmetric = form.hasZeroPoints
                let low: Float = isAsymmetric ? 0 : -Float(1 << (bits - 1)), high = low + Float(1 << bits) - 1
                let largest = facts.largest / (isAsymmetric ? high / 2 : high + 0.5)
                let turnsAround = bits <= 4 && !isAsymmetric
                search = ScaleSearch(
                    low: low, high: high, isAsymmetric: isAsymmetric,
                    storage: ScaleStorage(largest: largest, cells: perRow > 1 ? cells.count : 1, isSigned: turnsAround), turnsAround: turnsAround)
                entropyStep = nil
                rowSteps = nil
                tensorGrid = cells.isOne ? try Self.gridOfAll(rounding, search, facts, form.tensorScales) : nil
            case .half: throw ModelError(.internalFault, "half-precision weights have no scales")
            }
            guard self.candidates.contains(where: \.feeds), let statistics = rounding.statistics else {
                feedback = []
                return
            }
            if options.damping == nil { try Self.chooseDamping(rounding, statistics, search, entropyStep, tensorGrid) }
            feedback = try statistics.feedback(options)
        }

        /// By some rows of each matrix, as they are rounded with one scale each.
        private static func chooseDamping(
            _ rounding: WeightRounding, _ statistics: InputStatistics, _ search: ScaleSearch, _ entropyStep: Float?, _ tensorGrid: thimble_grid?
        ) throws {
            let rows = rounding.reader.view.rows, columns = rounding.reader.view.columns, most = Int(THIMBLE_LANES)
            for (outer, moments) in statistics.moments.enumerated() where moments.damping == nil && moments.heldOut != nil {
                var values: [Float] = [], scales: [Float] = []
                for start in Set([rows / 4, 3 * rows / 4].map { max(0, min($0, rows - most)) }).sorted() {
                    values += try rounding.reader.floats(.init(outer: outer, rows: start..<min(rows, start + most)))
                }
                for first in stride(from: 0, to: values.count, by: columns) {
                    let grid = unsafe values.withUnsafeBufferPointer { values in
                        let row = unsafe values.baseAddress! + first
                        return unsafe tensorGrid ?? entropyStep.map { unsafe entropyGrid(row, columns, $0, search) } ?? search.fromRange(row, columns)
                    }
                    scales.append(grid.scale)
                }
                try DampingChoice.choose(
                    moments, rows: values, scales: scales, low: search.low, high: search.high, ordersColumns: rounding.options.ordersColumns)
            }
        }

        /// One scale for all: from the range, or found on a sample of the rows.
        private static func gridOfAll(
            _ rounding: WeightRounding, _ search: ScaleSearch, _ facts: Facts, _ scales: RoundingCandidate.Scales
        ) throws -> thimble_grid {
            var sample: [Float] = [facts.largest, -facts.largest]
            if scales == .range, !search.isAsymmetric { return unsafe search.fromRange(sample, 2) }
            let strips = rounding.reader.strips(lanes: 1)
            var low: Float = 0, high: Float = 0
            for (index, strip) in strips.enumerated() {
                let values = try rounding.reader.floats(strip)
                let range = unsafe thimble_value_range(values, values.count)
                (low, high) = (min(low, range.low), max(high, range.high))
                if index % max(1, strips.count / 4) == 0 { sample += values }
            }
            (sample[0], sample[1]) = (low, high)
            return unsafe search.grid(scales, sample, nil, sample.count)
        }

        /// A step in proportion to the row's deviation.
        static func entropyGrid(_ x: UnsafePointer<Float>, _ count: Int, _ step: Float, _ search: ScaleSearch) -> thimble_grid {
            let range = unsafe thimble_value_range(x, count)
            let deviation = Float((range.squares / Double(max(1, count))).squareRoot())
            let largest = max(-range.low, range.high)
            return thimble_grid(scale: search.storage.fit(max(deviation * step, largest / 32000)), zero: 0, low: -32767, high: 32767)
        }
    }
}
