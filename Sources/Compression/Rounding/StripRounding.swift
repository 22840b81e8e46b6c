internal import CCompression
internal import Tensors

extension WeightRounding.Plan {
    struct StripResult {
        var grids: [thimble_grid] = []
        /// Sum of squares of what rounding changed.
        var noise = 0.0
        /// The error by which candidates were judged: of the outputs, in sums of squares per sample, where statistics are known, else `noise`.
        var error = 0.0
        /// The same of each candidate alone.
        var errors: [Double] = []
        var shift: [Float] = []
        /// How many rows were rounded by each method.
        var rows: [QuantizationOptions.Method: Int] = [:]
        var largestCode: Int32 = 0
    }

    /// Rounds each row of a strip, whose weights are `values`, by the candidate that measures best and puts the codes into `room`; without room it is a trial. A
    /// candidate that is alone is measured if `measures` says so.
    func round(_ values: [Float], _ strip: StripReader.Strip, into room: CodeStore.Room?, measures: Bool) -> StripResult {
        let columns = rounding.reader.view.columns
        var best = Rounded(), winners = [Int](repeating: 0, count: strip.rows.count), errors: [Double] = [], result = StripResult()
        for (index, candidate) in candidates.enumerated() {
            let rounded = round(values, strip, by: candidate)
            if index == 0 { best = rounded }
            guard candidates.count > 1 || measures else { break }
            let found = self.errors(values, rounded, strip)
            if index == 0 { errors = found }
            result.errors.append(found.reduce(0, +))
            for row in winners.indices where found[row] < errors[row] {
                (winners[row], errors[row]) = (index, found[row])
                best.take(row, from: rounded, columns: columns, cells: perRow)
            }
        }
        (result.grids, result.error) = (best.grids, errors.reduce(0, +))
        for winner in winners { result.rows[candidates[winner].method, default: 0] += 1 }
        guard let room else { return result }
        measure(values, best.codes, strip, &result)
        if let statistics = rounding.statistics { result.shift = shift(values, best, statistics.mean(strip.outer), strip) }
        store(&best.codes, strip, room)
        if tensorGrid != nil { result.grids = [] }
        return result
    }

    /// A strip as one candidate has it.
    private struct Rounded {
        var codes: [Int16] = []
        /// By row and group; empty where there is one cell.
        var grids: [thimble_grid] = []

        mutating func take(_ row: Int, from other: Rounded, columns: Int, cells: Int) {
            unsafe codes.withUnsafeMutableBufferPointer { codes in
                for index in row * columns..<(row + 1) * columns { unsafe codes[index] = other.codes[index] }
            }
            guard !grids.isEmpty else { return }
            for index in row * cells..<(row + 1) * cells { grids[index] = other.grids[index] }
        }
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

    private func round(_ values: [Float], _ strip: StripReader.Strip, by candidate: RoundingCandidate) -> Rounded {
        // All of them are written.
        let codes = unsafe [Int16](unsafeUninitializedCapacity: values.count) { $1 = values.count }
        var rounded = Rounded(codes: codes, grids: grids(values, strip, candidate.scales))
        if candidate.feeds {
            roundWithFeedback(values, feedback[min(strip.outer, feedback.count - 1)], strip, &rounded)
            return rounded
        }
        forEachCell(strip) { cell, first, count in
            let grid = grid(rounded.grids, cell)
            unsafe rounded.codes.withUnsafeMutableBufferPointer { codes in
                unsafe values.withUnsafeBufferPointer { unsafe thimble_round_codes($0.baseAddress! + first, count, grid, codes.baseAddress! + first) }
            }
        }
        return rounded
    }

    private func grids(_ values: [Float], _ strip: StripReader.Strip, _ scales: RoundingCandidate.Scales) -> [thimble_grid] {
        guard tensorGrid == nil else { return [] }
        let diagonal = rounding.statistics?.moments(strip.outer).diagonal, columns = rounding.reader.view.columns
        var grids: [thimble_grid] = []
        forEachCell(strip) { cell, first, count in
            let found: thimble_grid = unsafe values.withUnsafeBufferPointer { values in
                let x = unsafe values.baseAddress! + first
                if let rowSteps { return rowSteps.grid(strip.outer * rounding.reader.view.rows + strip.rows.lowerBound + cell / perRow, unsafe thimble_value_range(x, count)) }
                if let entropyStep { return unsafe Self.entropyGrid(x, count, entropyStep, search) }
                guard let diagonal else { return unsafe search.grid(scales, x, nil, count) }
                return unsafe diagonal.withUnsafeBufferPointer { unsafe search.grid(scales, x, $0.baseAddress! + first % columns, count) }
            }
            grids.append(found)
        }
        return grids
    }

    /// The measured error of each row.
    private func errors(_ values: [Float], _ rounded: Rounded, _ strip: StripReader.Strip) -> [Double] {
        guard let statistics = rounding.statistics else {
            var errors = [Double](repeating: 0, count: strip.rows.count)
            forEachCell(strip) { cell, first, count in
                let grid = grid(rounded.grids, cell)
                errors[cell / perRow] += unsafe values.withUnsafeBufferPointer { values in
                    unsafe rounded.codes.withUnsafeBufferPointer { unsafe thimble_code_error(values.baseAddress! + first, $0.baseAddress! + first, count, grid) }
                }
            }
            return errors
        }
        var misses = values
        forEachCell(strip) { cell, first, count in
            let grid = grid(rounded.grids, cell)
            unsafe misses.withUnsafeMutableBufferPointer { misses in
                unsafe rounded.codes.withUnsafeBufferPointer {
                    let part = unsafe misses.baseAddress! + first
                    unsafe thimble_code_misses(part, $0.baseAddress! + first, count, grid, part)
                }
            }
        }
        return statistics.errors(of: misses, strip.outer, rounding.options)
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
    private func shift(_ values: [Float], _ rounded: Rounded, _ mean: [Float], _ strip: StripReader.Strip) -> [Float] {
        var shifts = [Float](repeating: 0, count: strip.rows.count)
        let columns = rounding.reader.view.columns
        forEachCell(strip) { cell, first, count in
            let grid = grid(rounded.grids, cell)
            var sum: Float = 0
            for index in first..<first + count {
                sum += (values[index] - (Float(rounded.codes[index]) - grid.zero) * grid.scale) * mean[index % columns]
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

    /// 32 rows at a time, column by column.
    private func roundWithFeedback(_ values: [Float], _ feedback: ColumnFeedback, _ strip: StripReader.Strip, _ rounded: inout Rounded) {
        let columns = rounding.reader.view.columns, lanes = Int(THIMBLE_LANES)
        let groups = feedback.order.map { UInt32($0 / cellColumns) }
        var x = [Float](repeating: 0, count: columns * lanes), error = x
        var made = [Int16](repeating: 0, count: columns * lanes)
        for first in stride(from: 0, to: strip.rows.count, by: lanes) {
            let count = min(lanes, strip.rows.count - first)
            if count < lanes { for index in x.indices { x[index] = 0 } }
            for (k, column) in feedback.order.enumerated() {
                for lane in 0..<count { x[k * lanes + lane] = values[(first + lane) * columns + column] }
            }
            var scale = [Float](repeating: 1, count: perRow * lanes), zero = [Float](repeating: 0, count: perRow * lanes)
            for lane in 0..<count {
                for group in 0..<perRow {
                    let cell = grid(rounded.grids, (first + lane) * perRow + group)
                    (scale[group * lanes + lane], zero[group * lanes + lane]) = (cell.scale, cell.zero)
                }
            }
            _ = unsafe thimble_round_with_feedback(
                columns, feedback.factors, feedback.pivots, x, groups, scale, zero, search.low, search.high, true, &error, &made)
            for (k, column) in feedback.order.enumerated() {
                for lane in 0..<count { rounded.codes[(first + lane) * columns + column] = made[k * lanes + lane] }
            }
        }
    }
}
