internal import Tensors

/// How many positions a window has along each axis: the one rule that kernels follow for numbers and inference for symbols
/// (ONNX operators Conv and MaxPool, `auto_pad` and `ceil_mode`).
package struct WindowRule {
    package var kernel: [Int]
    package var strides: [Int]
    package var dilations: [Int]
    private let pads: [Int]
    private let mode: String
    private let ceil: Bool

    /// Numbers of the node's attributes, for `kernel.count` axes.
    package init(_ node: some AttributeReader, kernel: [Int], rounding ceil: Bool = false) throws {
        let rank = kernel.count
        self.kernel = try Self.numbers(kernel, "kernel_shape", rank, atLeast: 1)
        strides = try Self.numbers(node.ints("strides") ?? Array(repeating: 1, count: rank), "strides", rank, atLeast: 1)
        dilations = try Self.numbers(node.ints("dilations") ?? Array(repeating: 1, count: rank), "dilations", rank, atLeast: 1)
        pads = try Self.pads(node, rank)
        mode = try node.string("auto_pad", "NOTSET")
        self.ceil = ceil
        switch mode {
        case "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", "": break
        default:
            throw ModelError(.invalidGraph, "'auto_pad' is '\(printable(mode))', NOTSET, SAME_UPPER, SAME_LOWER or VALID is needed")
        }
        for axis in 0..<rank where reach(axis) > 1 << 48 {
            throw ModelError(.limit, "a window of \(kernel[axis]) with dilation \(dilations[axis]) reaches further than 2^48")
        }
    }

    static func pads(_ node: some AttributeReader, _ rank: Int) throws -> [Int] {
        try numbers(node.ints("pads") ?? Array(repeating: 0, count: 2 * rank), "pads", 2 * rank, atLeast: 0)
    }

    static func numbers(_ values: [Int], _ name: String, _ count: Int, atLeast least: Int) throws -> [Int] {
        guard values.count == count else { throw ModelError(.invalidGraph, "'\(name)' has \(values.count) numbers, \(count) are needed") }
        if let wrong = values.first(where: { $0 < least || $0 > 1 << 31 }) {
            throw ModelError(.invalidGraph, "'\(name)' has \(wrong), \(least) to 2^31 is needed")
        }
        return values
    }

    private var isSame: Bool { mode == "SAME_UPPER" || mode == "SAME_LOWER" }

    /// Elements from the first to the last tap; at most 2^62 + 1 before it is checked.
    private func reach(_ axis: Int) -> Int { (kernel[axis] - 1) * dilations[axis] + 1 }

    /// Borders and positions along one axis of `size` elements. Throws if the window does not fit.
    package func positions(_ axis: Int, of size: Int) throws -> (before: Int, after: Int, count: Int) {
        let step = strides[axis], reach = reach(axis)
        var first = pads[axis], last = pads[axis + kernel.count]
        if isSame {
            let count = ceilDivide(size, step)
            let total = max(0, (count - 1) * step + reach - size)
            first = mode == "SAME_UPPER" ? total / 2 : total - total / 2
            last = total - first
        } else if mode == "VALID" {
            (first, last) = (0, 0)
        }
        let room = size + first + last - reach
        var count = 0
        if size > 0 || room >= 0 {
            guard room >= 0 || ceil else {
                throw ModelError(.invalidGraph, "a window that reaches over \(reach) does not fit axis \(axis + 2) of \(size) with borders of \(first) and \(last)")
            }
            count = room < 0 ? (room > -step && ceil ? 1 : 0) : (ceil ? ceilDivide(room, step) : room / step) + 1
            // A window that starts in the border behind the input is none.
            if ceil, count > 1, (count - 1) * step >= size + first { count -= 1 }
        }
        return (first, last, count)
    }

    /// The same positions of a size that is a symbol.
    func positions(_ axis: Int, of size: Dim) throws -> Dim {
        if case .value(let size) = size { return .value(try positions(axis, of: size).count) }
        let step = strides[axis], reach = reach(axis)
        if isSame { return size.ceilDiv(step) }
        let (first, last) = mode == "VALID" ? (0, 0) : (pads[axis], pads[axis + kernel.count])
        let room = size + (first + last - reach)
        // Nothing of the input: no position, unless the borders alone have room for one.
        guard ceil else { return .max(0, room.floorDiv(step) + 1) }
        // Else a last window may start behind the input, or start there where there is no input.
        guard last + step <= reach, first + last + step <= reach else { return .unknown }
        return .max(0, room.ceilDiv(step) + 1)
    }

    /// All axes.
    func positions(of sizes: [Dim]) throws -> [Dim] { try sizes.indices.map { try positions($0, of: sizes[$0]) } }
}
