internal import Tensors

/// How large the result of a transposed convolution is: the one rule that kernels follow for numbers and inference for symbols
/// (ONNX operator ConvTranspose).
struct TransposedWindowRule {
    let kernel: [Int]
    let strides: [Int]
    let dilations: [Int]
    private let extra: [Int]
    private let pads: [Int]
    private let stated: [Int]?
    private let mode: String

    /// Numbers of the node's attributes, for `kernel.count` axes.
    init(_ node: some AttributeReader, kernel: [Int]) throws {
        let rank = kernel.count, ones = Array(repeating: 1, count: rank)
        strides = try WindowRule.numbers(node.ints("strides") ?? ones, "strides", rank, atLeast: 1)
        dilations = try WindowRule.numbers(node.ints("dilations") ?? ones, "dilations", rank, atLeast: 1)
        extra = try WindowRule.numbers(node.ints("output_padding") ?? ones.map { _ in 0 }, "output_padding", rank, atLeast: 0)
        self.kernel = try WindowRule.numbers(kernel, "kernel_shape", rank, atLeast: 1)
        pads = try WindowRule.pads(node, rank)
        // Some exporters give batch and channels, too.
        stated = try node.ints("output_shape").map { try WindowRule.numbers(Array($0.suffix(rank)), "output_shape", rank, atLeast: 0) }
        mode = try node.string("auto_pad", "NOTSET")
        guard ["SAME_UPPER", "SAME_LOWER", "NOTSET", "", "VALID"].contains(mode) else {
            throw ModelError(.invalidGraph, "'auto_pad' is '\(printable(mode))', NOTSET, SAME_UPPER, SAME_LOWER or VALID is needed")
        }
    }

    private var isSame: Bool { mode == "SAME_UPPER" || mode == "SAME_LOWER" }

    /// The size along one axis of `input` elements, and the borders that are cut off.
    func borders(_ axis: Int, of input: Int) throws -> (before: Int, after: Int, size: Int) {
        guard let reach = checkedMultiply(kernel[axis] - 1, dilations[axis]), let way = checkedMultiply(strides[axis], max(0, input - 1)), way < 1 << 49,
            reach < 1 << 49
        else { throw ModelError(.limit, "axis \(axis + 2) of the result is too large") }
        let full = way + extra[axis] + reach + 1
        if stated != nil || isSame {
            let size = stated?[axis] ?? input * strides[axis]
            let total = max(0, full - size)
            let first = mode == "SAME_UPPER" ? total / 2 : total - total / 2
            return (first, total - first, size)
        }
        let (first, last) = mode == "VALID" ? (0, 0) : (pads[axis], pads[axis + kernel.count])
        let size = full - first - last
        guard size >= 0 else { throw ModelError(.invalidGraph, "borders of \(first) and \(last) leave nothing of \(full) along axis \(axis + 2)") }
        return (first, last, size)
    }

    /// The same size of what is a symbol.
    func size(_ axis: Int, of input: Dim) throws -> Dim {
        if case .value(let input) = input { return .value(try borders(axis, of: input).size) }
        if let stated { return .value(stated[axis]) }
        if isSame { return input * strides[axis] }
        // Borders and reach are those of no elements; each element but the first adds a step.
        let least = try kernelReach(axis)
        return (Dim.max(1, input) - 1) * strides[axis] + least
    }

    private func kernelReach(_ axis: Int) throws -> Int {
        guard let reach = checkedMultiply(kernel[axis] - 1, dilations[axis]), reach < 1 << 49 else { throw ModelError(.limit, "axis \(axis + 2) of the result is too large") }
        let (first, last) = mode == "VALID" ? (0, 0) : (pads[axis], pads[axis + kernel.count])
        return extra[axis] + reach + 1 - first - last
    }
}
