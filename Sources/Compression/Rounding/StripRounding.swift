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
        let method: QuantizationOptions.Method
        /// One per matrix, where columns feed the errors of those before.
        let feedback: [ColumnFeedback]

        init(_ rounding: WeightRounding, _ facts: Facts, isOneCell: Bool, perRow: Int, cellColumns: Int, cellCount: Int) throws {
            self.rounding = rounding
            (self.perRow, self.cellColumns) = (perRow, cellColumns)
            let options = rounding.options, count = Double(rounding.dims.reduce(1, *))
            method = Self.method(options, hasStatistics: rounding.statistics != nil)
            switch options.scheme {
            case .entropy(let step):
                bits = nil
                codeWidth = 2
                let deviation = Float((facts.squares / max(1, count)).squareRoot())
                let base = max(deviation * Float(step) * rounding.stepFactor, facts.largest / 32000)
                search = ScaleSearch(low: -32767, high: 32767, isAsymmetric: false, storage: ScaleStorage(largest: base * 16, cells: isOneCell ? 1 : 2))
                entropyStep = Float(step) * rounding.stepFactor
                let storage = search.storage
                rowSteps = isOneCell ? nil : rounding.rowFactors.map { RowSteps(base: base, factors: $0, largest: facts.largest, storage: storage) }
                tensorGrid = isOneCell ? thimble_grid(scale: search.storage.fit(base), zero: 0, low: -32767, high: 32767) : nil
            case .integers(let bits):
                self.bits = bits
                codeWidth = 1
                let isAsymmetric = options.isAsymmetric || method == .hqq
                let low: Float = isAsymmetric ? 0 : -Float(1 << (bits - 1)), high = low + Float(1 << bits) - 1
                let largest = facts.largest / (isAsymmetric ? high / 2 : high + 0.5)
                let turnsAround = bits <= 4 && !isAsymmetric
                search = ScaleSearch(
                    low: low, high: high, isAsymmetric: isAsymmetric,
                    storage: ScaleStorage(largest: largest, cells: perRow > 1 ? cellCount : 1, isSigned: turnsAround), turnsAround: turnsAround)
                entropyStep = nil
                rowSteps = nil
                tensorGrid = isOneCell ? try Self.gridOfAll(rounding, search, facts, method) : nil
            case .half: throw ModelError(.internalFault, "half-precision weights have no scales")
            }
            guard method == .gptq, let statistics = rounding.statistics else {
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

        private static func method(_ options: QuantizationOptions, hasStatistics: Bool) -> QuantizationOptions.Method {
            switch (options.scheme, options.method) {
            case (.entropy, .auto), (.entropy, .gptq), (_, .gptq): return hasStatistics ? .gptq : (options.method == .gptq && !isEntropy(options) ? .mse : .rtn)
            case (.entropy, _): return .rtn
            case (.integers(let bits), .auto): return hasStatistics ? .gptq : bits >= 6 ? .rtn : .mse
            case (_, let method): return method
            }
        }

        private static func isEntropy(_ options: QuantizationOptions) -> Bool {
            if case .entropy = options.scheme { true } else { false }
        }

        /// One scale for all: from the range, clipped where that measures better on a sample of the rows.
        private static func gridOfAll(
            _ rounding: WeightRounding, _ search: ScaleSearch, _ facts: Facts, _ method: QuantizationOptions.Method
        ) throws -> thimble_grid {
            var sample: [Float] = [facts.largest, -facts.largest]
            if method == .rtn, !search.isAsymmetric { return unsafe search.fromRange(sample, 2) }
            let strips = rounding.reader.strips(lanes: 1)
            var low: Float = 0, high: Float = 0
            for (index, strip) in strips.enumerated() {
                let values = try rounding.reader.floats(strip)
                let range = unsafe thimble_value_range(values, values.count)
                (low, high) = (min(low, range.low), max(high, range.high))
                if index % max(1, strips.count / 4) == 0 { sample += values }
            }
            (sample[0], sample[1]) = (low, high)
            return unsafe method == .rtn ? search.fromRange(sample, sample.count) : search.leastSquares(sample, nil, sample.count)
        }
    }
}

extension WeightRounding.Plan {
    struct StripResult {
        var grids: [thimble_grid] = []
        var noise = 0.0
        var shift: [Float] = []
        var method: QuantizationOptions.Method
        var largestCode: Int32 = 0
    }

    func round(_ strip: StripReader.Strip, into room: CodeStore.Room) throws -> StripResult {
        let values = try rounding.reader.floats(strip), columns = rounding.reader.view.columns
        var codes = [Int16](repeating: 0, count: values.count)
        var result = StripResult(method: method)
        if method == .gptq {
            roundWithFeedback(values, feedback[min(strip.outer, feedback.count - 1)], strip, &codes, &result)
        } else {
            result.grids = grids(values, strip, method: method)
            forEachCell(strip) { cell, first, count in
                unsafe codes.withUnsafeMutableBufferPointer { codes in
                    unsafe values.withUnsafeBufferPointer { unsafe thimble_round_codes($0.baseAddress! + first, count, grid(result.grids, cell), codes.baseAddress! + first) }
                }
            }
        }
        measure(values, codes, strip, &result)
        if let statistics = rounding.statistics { result.shift = shift(values, codes, statistics.mean(strip.outer), columns, strip, result.grids) }
        store(&codes, strip, room)
        if tensorGrid != nil { result.grids = [] }
        return result
    }

    private func grid(_ grids: [thimble_grid], _ cell: Int) -> thimble_grid { tensorGrid ?? grids[cell] }

    /// Calls `body` with each cell of a strip, where it begins and how many weights it has.
    private func forEachCell(_ strip: StripReader.Strip, _ body: (Int, Int, Int) -> Void) {
        let columns = rounding.reader.view.columns
        for row in 0..<strip.rows.count {
            for group in 0..<perRow {
                let start = group * cellColumns
                body(row * perRow + group, row * columns + start, min(cellColumns, columns - start))
            }
        }
    }

    private func grids(_ values: [Float], _ strip: StripReader.Strip, method: QuantizationOptions.Method) -> [thimble_grid] {
        guard tensorGrid == nil else { return [] }
        let diagonal = rounding.statistics?.diagonal(strip.outer), columns = rounding.reader.view.columns
        var grids: [thimble_grid] = []
        forEachCell(strip) { cell, first, count in
            let found: thimble_grid = unsafe values.withUnsafeBufferPointer { values in
                let x = unsafe values.baseAddress! + first
                if let rowSteps { return rowSteps.grid(strip.outer * rounding.reader.view.rows + strip.rows.lowerBound + cell / perRow, unsafe thimble_value_range(x, count)) }
                if let entropyStep { return unsafe Self.entropyGrid(x, count, entropyStep, search) }
                switch method {
                case .rtn: return unsafe search.fromRange(x, count)
                case .hqq: return unsafe search.halfQuadratic(x, count)
                case .auto, .mse, .gptq:
                    guard let diagonal else { return unsafe search.leastSquares(x, nil, count) }
                    return unsafe diagonal.withUnsafeBufferPointer { unsafe search.leastSquares(x, $0.baseAddress! + first % columns, count) }
                }
            }
            grids.append(found)
        }
        return grids
    }

    /// A step in proportion to the row's deviation.
    private static func entropyGrid(_ x: UnsafePointer<Float>, _ count: Int, _ step: Float, _ search: ScaleSearch) -> thimble_grid {
        let range = unsafe thimble_value_range(x, count)
        let deviation = Float((range.squares / Double(max(1, count))).squareRoot())
        let largest = max(-range.low, range.high)
        return thimble_grid(scale: search.storage.fit(max(deviation * step, largest / 32000)), zero: 0, low: -32767, high: 32767)
    }

    private func measure(_ values: [Float], _ codes: [Int16], _ strip: StripReader.Strip, _ result: inout StripResult) {
        forEachCell(strip) { cell, first, count in
            unsafe values.withUnsafeBufferPointer { values in
                unsafe codes.withUnsafeBufferPointer { codes in
                    result.noise += unsafe thimble_code_error(values.baseAddress! + first, codes.baseAddress! + first, count, grid(result.grids, cell))
                }
            }
        }
        guard bits == nil else { return }
        for code in codes { result.largestCode = max(result.largestCode, abs(Int32(code))) }
    }

    /// What the mean of each row's product lost.
    private func shift(
        _ values: [Float], _ codes: [Int16], _ mean: [Float], _ columns: Int, _ strip: StripReader.Strip, _ grids: [thimble_grid]
    ) -> [Float] {
        var shifts = [Float](repeating: 0, count: strip.rows.count)
        forEachCell(strip) { cell, first, count in
            let grid = grid(grids, cell)
            var sum: Float = 0
            for index in first..<first + count {
                sum += (values[index] - (Float(codes[index]) - grid.zero) * grid.scale) * mean[index % columns]
            }
            shifts[first / columns] += sum
        }
        return shifts
    }

    private func store(_ codes: inout [Int16], _ strip: StripReader.Strip, _ room: CodeStore.Room) {
        unsafe codes.withUnsafeMutableBytes { bytes in
            if codeWidth == 1 {
                let count = bytes.count / 2
                let base = bytes.baseAddress!
                unsafe thimble_narrow_codes(base.assumingMemoryBound(to: Int16.self), count, base.assumingMemoryBound(to: UInt8.self))
                unsafe room.withBytes { unsafe rounding.reader.store(UnsafeRawBufferPointer(rebasing: bytes[..<count]), strip, width: 1, into: $0) }
            } else {
                unsafe room.withBytes { unsafe rounding.reader.store(UnsafeRawBufferPointer(bytes), strip, width: 2, into: $0) }
            }
        }
    }

    /// 32 rows at a time, column by column. Of `auto`, scales from the range and clipped ones are both tried, and the better is kept.
    private func roundWithFeedback(
        _ values: [Float], _ feedback: ColumnFeedback, _ strip: StripReader.Strip, _ codes: inout [Int16], _ result: inout StripResult
    ) {
        let columns = rounding.reader.view.columns, lanes = Int(THIMBLE_LANES)
        var candidates: [[thimble_grid]] = []
        if tensorGrid != nil || entropyStep != nil {
            candidates = [grids(values, strip, method: .rtn)]
        } else {
            candidates = [grids(values, strip, method: .mse), grids(values, strip, method: .rtn)]
        }
        let groups = feedback.order.map { UInt32($0 / cellColumns) }
        var x = [Float](repeating: 0, count: columns * lanes), error = x
        var made = [Int16](repeating: 0, count: columns * lanes), best = made
        for first in stride(from: 0, to: strip.rows.count, by: lanes) {
            let count = min(lanes, strip.rows.count - first)
            if count < lanes { for index in x.indices { x[index] = 0 } }
            for (k, column) in feedback.order.enumerated() {
                for lane in 0..<count { x[k * lanes + lane] = values[(first + lane) * columns + column] }
            }
            var bestLoss = Double.infinity, bestCandidate = 0
            for (index, candidate) in candidates.enumerated() {
                var scale = [Float](repeating: 1, count: perRow * lanes), zero = [Float](repeating: 0, count: perRow * lanes)
                for lane in 0..<count {
                    for group in 0..<perRow {
                        let cell = grid(candidate, (first + lane) * perRow + group)
                        (scale[group * lanes + lane], zero[group * lanes + lane]) = (cell.scale, cell.zero)
                    }
                }
                let loss = unsafe thimble_round_with_feedback(
                    columns, feedback.factors, feedback.pivots, x, groups, scale, zero, search.low, search.high, true, &error, &made)
                if loss < bestLoss {
                    (bestLoss, bestCandidate) = (loss, index)
                    swap(&best, &made)
                }
            }
            for (k, column) in feedback.order.enumerated() {
                for lane in 0..<count { codes[(first + lane) * columns + column] = best[k * lanes + lane] }
            }
            if tensorGrid == nil { result.grids += candidates[bestCandidate][first * perRow..<(first + count) * perRow] }
        }
    }
}
