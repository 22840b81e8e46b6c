internal import Tensors

/// A weight tensor as matrices: `outer` of them, each with `rows` (what the operator makes) and `lead * tail` columns (what it sums over).
///
/// Element (o, r, c, t) lies at `o * outerStride + r * rowStride + c * leadStride + t`. The axes say which dims of the tensor these are,
/// so that a scale per row or per group of columns has a place in the grid of an `Affine`.
struct WeightView: Equatable, Sendable {
    var outer = 1
    var rows: Int
    var lead: Int
    var tail: Int
    var outerStride = 0
    var rowStride: Int
    var leadStride: Int
    /// The cell of a grid whose cells are rows, by axis; `leadAxis` is where groups are cut.
    var rowBlock: [Int]
    var leadAxis: Int
    /// Cells follow the rows in memory order, then the groups; else the groups come first (the columns' axis lies before the rows').
    var rowsComeFirst: Bool

    var columns: Int { lead * tail }
    var elementCount: Int { outer * rows * columns }
    /// Rows lie in memory as they are, one behind the other.
    var isContiguous: Bool { leadStride == tail && rowStride == columns && (outer == 1 || outerStride == rows * columns) }
}

extension WeightView {
    /// The first `rowAxes` axes are rows, in `outer` equal parts; the rest columns.
    static func rowsFirst(_ dims: [Int], rowAxes: Int = 1, outer: Int = 1) -> WeightView {
        let all = dims[..<rowAxes].reduce(1, *), lead = dims[rowAxes], tail = dims[(rowAxes + 1)...].reduce(1, *)
        return WeightView(
            outer: outer, rows: all / outer, lead: lead, tail: tail, outerStride: all / outer * lead * tail, rowStride: lead * tail, leadStride: tail,
            rowBlock: dims.indices.map { $0 < rowAxes ? 1 : 0 }, leadAxis: rowAxes, rowsComeFirst: true)
    }

    /// The last axis is rows, the one before it columns, those further out are matrices of their own: the second operand of a product.
    static func columnsFirst(_ dims: [Int]) -> WeightView {
        let rank = dims.count, rows = dims[rank - 1], lead = dims[rank - 2]
        return WeightView(
            outer: dims.dropLast(2).reduce(1, *), rows: rows, lead: lead, tail: 1, outerStride: rows * lead, rowStride: 1, leadStride: rows,
            rowBlock: dims.indices.map { $0 == rank - 2 ? 0 : 1 }, leadAxis: rank - 2, rowsComeFirst: false)
    }

    /// The first axis is columns, all others rows.
    static func firstAxisIsColumns(_ dims: [Int]) -> WeightView {
        let lead = dims[0], rows = dims.dropFirst().reduce(1, *)
        return WeightView(
            outer: 1, rows: rows, lead: lead, tail: 1, outerStride: rows * lead, rowStride: 1, leadStride: rows,
            rowBlock: dims.indices.map { $0 == 0 ? 0 : 1 }, leadAxis: 0, rowsComeFirst: false)
    }

    /// [input channels, output channels of a group, taps …]: the kernel of a transposed convolution.
    static func transposedConvolution(_ dims: [Int], groups: Int) -> WeightView {
        let lead = dims[0] / groups, rows = dims[1], tail = dims[2...].reduce(1, *)
        return WeightView(
            outer: groups, rows: rows, lead: lead, tail: tail, outerStride: lead * rows * tail, rowStride: tail, leadStride: rows * tail,
            rowBlock: dims.indices.map { $0 == 0 ? (groups == 1 ? 0 : lead) : $0 == 1 ? 1 : 0 }, leadAxis: 0, rowsComeFirst: false)
    }

    /// Nothing is known of what the axes mean: a row per line of the last axis where lines are long, else one row.
    static func unknown(_ dims: [Int]) -> WeightView {
        if dims.count > 1, dims[dims.count - 1] >= 16 { return .rowsFirst(dims, rowAxes: dims.count - 1) }
        let count = dims.reduce(1, *)
        return WeightView(
            rows: 1, lead: count, tail: 1, outerStride: count, rowStride: count, leadStride: 1, rowBlock: dims.map { _ in 0 },
            leadAxis: dims.count - 1, rowsComeFirst: true)
    }
}
