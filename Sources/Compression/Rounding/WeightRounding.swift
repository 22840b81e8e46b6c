internal import CCompression
internal import Tensors

/// Rounds one weight: looks at all of it once for its range, then takes strip after strip through scales, codes and errors.
struct WeightRounding {
    let reader: StripReader
    let dims: [Int]
    let options: QuantizationOptions
    /// Of what the weight is multiplied with, one per matrix of its view; nil if nothing is known.
    let statistics: InputStatistics?
    /// By how much the step of `entropy` is multiplied.
    let stepFactor: Float
    /// How much wider the step of each row of a table is than the table's; nil: one step for all.
    var rowFactors: [Float]?
    /// A table, of which rows are looked up.
    var isTable = false
    private var view: WeightView { reader.view }

    /// Facts of the whole tensor.
    struct Facts {
        var largest: Float = 0
        var squares = 0.0
        /// The row with the first value that is no finite number.
        var oddRow: Int?
    }

    func facts() throws -> Facts {
        let strips = reader.strips(lanes: 1, size: 1 << 17), reader = reader
        let columns = view.columns, rows = view.rows
        let results = StripResults<(Float, Double, Int?)>(strips.count)
        try concurrently(strips.count, threads: options.threads) { index in
            let strip = strips[index], values = try reader.floats(strip)
            let range = unsafe thimble_value_range(values, values.count)
            var odd: Int?
            if !range.is_finite, let at = values.firstIndex(where: { !$0.isFinite }) { odd = strip.outer * rows + strip.rows.lowerBound + at / columns }
            results[index] = (max(-range.low, range.high), range.squares, odd)
        }
        var facts = Facts()
        for result in results.all() {
            facts.largest = max(facts.largest, result.0)
            facts.squares += result.1
            if facts.oddRow == nil { facts.oddRow = result.2 }
        }
        return facts
    }

    /// What shares a scale.
    struct Cells {
        let perRow: Int
        /// Of each cell of a row but the last.
        let columns: Int
        /// Nil: one for all.
        let block: [Int]?
        let count: Int
        var isOne: Bool { block == nil }
    }

    private func cells() -> Cells {
        let one = Cells(perRow: 1, columns: view.columns, block: nil, count: 1)
        let rows = Cells(perRow: 1, columns: view.columns, block: view.rowBlock, count: view.outer * view.rows)
        switch options.granularity {
        case .tensor: return one
        case .group(let size):
            var block = view.rowBlock
            let lead = max(1, size / view.tail)
            // Columns that are several axes together have no cells along one of them.
            guard lead < view.lead, block[view.leadAxis] == 0, view.lead == dims[view.leadAxis] else { return rows }
            block[view.leadAxis] = lead
            let perRow = ceilDivide(view.lead, lead)
            return Cells(perRow: perRow, columns: lead * view.tail, block: block, count: rows.count * perRow)
        case .channel:
            guard case .entropy = options.scheme else { return rows }
            // A step per row of few columns costs more than it brings; rows of a table are of one kind and need none of their own but by their use.
            return (isTable ? rowFactors == nil : view.columns < 256) ? one : rows
        }
    }

    func run(_ facts: Facts, room: CodeStore.Room) throws -> RoundedWeight {
        let cells = cells(), chosen = try choose(facts, cells, room), plan = chosen.plan
        let sums = chosen.results.reduce(into: RoundingSums()) { $0.add($1) }
        let bits = plan.bits ?? Self.bits(holding: sums.largestCode)
        let middle = bits == 16 ? Self.middle(of: sums.largestCode) : 0
        let codes = try pack(room, bits: bits, width: plan.codeWidth, middle: middle)
        let all = plan.tensorGrid.map { [$0] } ?? inGridOrder(chosen.results.flatMap(\.grids), perRow: cells.perRow)
        let gridDims = try Grid(block: cells.block, dims: dims).cells
        let scale = try plan.search.storage.tensor(all.map(\.scale), dims: gridDims)
        let isAsymmetric = plan.search.isAsymmetric || middle > 0
        let bytes = middle > 0 ? all.flatMap { _ in [UInt8(middle & 255), UInt8(middle >> 8)] } : all.map { UInt8($0.zero) }
        let zero = isAsymmetric ? Tensor(middle > 0 ? .uint16 : .uint8, dims: gridDims, bytes: TensorBytes(bytes)) : nil
        let affine = Affine(bits: bits, isSigned: !isAsymmetric, block: cells.block, codes: codes, scale: scale, zeroPoint: zero)
        return RoundedWeight(
            encoding: affine, rows: sums.rows, isChosenInPart: chosen.isInPart, signal: facts.squares, noise: sums.noise,
            outputShift: chosen.results.flatMap(\.shift))
    }

    /// The narrowest codes of which deflate makes bytes of one code each.
    private static func bits(holding largest: Int32) -> Int {
        for bits in [3, 5, 6, 7, 8] where largest < 1 << (bits - 1) { return bits }
        return 16
    }

    /// What is added to wide codes so that none is negative and those around 0 differ in their low bytes alone: the high bytes then cost nothing
    /// after deflate, while those of two's complement would cost the sign once more.
    private static func middle(of largest: Int32) -> Int { 128 + ceilDivide(max(0, Int(largest) - 128), 256) * 256 }

    private func pack(_ room: CodeStore.Room, bits: Int, width: Int, middle: Int) throws -> TensorBytes {
        let count = dims.reduce(1, *)
        if middle > 0 {
            unsafe room.withBytes { bytes in
                unsafe thimble_raise_codes(bytes.baseAddress!.assumingMemoryBound(to: Int16.self), count, UInt16(middle))
            }
        } else {
            unsafe room.withBytes { bytes in
                let base = unsafe bytes.baseAddress!.assumingMemoryBound(to: UInt8.self)
                if width == 2 {
                    // Writes what lies before what is read.
                    unsafe thimble_narrow_codes(UnsafeRawPointer(base).assumingMemoryBound(to: Int16.self), count, base)
                }
                unsafe thimble_pack_bytes(base, count, UInt32(bits), base)
            }
        }
        return try room.finished(CodeStream.byteCount(count, bits: bits) ?? 0)
    }

    /// Cells as strips have them, by matrix, row and group; in a grid whose rows come last, groups are further out.
    private func inGridOrder(_ grids: [thimble_grid], perRow: Int) -> [thimble_grid] {
        guard !view.rowsComeFirst, perRow > 1 else { return grids }
        var ordered: [thimble_grid] = []
        ordered.reserveCapacity(grids.count)
        for outer in 0..<view.outer {
            for group in 0..<perRow {
                for row in 0..<view.rows { ordered.append(grids[(outer * view.rows + row) * perRow + group]) }
            }
        }
        return ordered
    }
}

/// What each strip gave; each index is written once, by one thread.
final class StripResults<T>: @unchecked Sendable {
    private let lock = Lock()
    private var values: [T?]

    init(_ count: Int) {
        values = [T?](repeating: nil, count: count)
    }

    subscript(index: Int) -> T? {
        get { lock.locked { values[index] } }
        set { lock.locked { values[index] = newValue } }
    }

    func all() -> [T] { lock.locked { values.compactMap(\.self) } }
}
