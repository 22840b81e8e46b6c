internal import ModelGraph
internal import Tensors

/// What RNN, GRU and LSTM share: attributes, inputs, and the walk along a sequence (ONNX operators of these names).
struct Recurrent<Cell: RecurrentCell>: Sendable {
    typealias T = Cell.T

    let steps: Int
    let batch: Int
    let size: Int
    let hidden: Int
    let directions: Int
    let reverse: [Bool]
    let isBatchFirst: Bool
    let lengths: [Int]
    let settings: RecurrentSettings<T>

    init(_ call: Call) throws {
        let (x, w, r) = (try call.tensor(0), try call.tensor(1), try call.tensor(2))
        guard x.dims.count == 3, w.dims.count == 3, r.dims.count == 3 else {
            throw ModelError(.invalidGraph, "X has dims \(x.dims), W \(w.dims), R \(r.dims); 3 of each are needed")
        }
        isBatchFirst = try call.bool("layout")
        (steps, batch, size) = isBatchFirst ? (x.dims[1], x.dims[0], x.dims[2]) : (x.dims[0], x.dims[1], x.dims[2])
        hidden = r.dims[2]
        let direction = try call.string("direction", "forward").lowercased()
        switch direction {
        case "forward": reverse = [false]
        case "reverse": reverse = [true]
        case "bidirectional": reverse = [false, true]
        default: throw ModelError(.invalidGraph, "'direction' is '\(printable(direction))', forward, reverse or bidirectional is needed")
        }
        directions = reverse.count
        guard try call.int("hidden_size", hidden) == hidden, let rows = checkedMultiply(Cell.gates, hidden), w.dims == [directions, rows, size],
            r.dims == [directions, rows, hidden]
        else {
            throw ModelError(.invalidGraph, "X has dims \(x.dims), W \(w.dims), R \(r.dims); [\(directions), \(Cell.gates)·hidden, input] and [\(directions), \(Cell.gates)·hidden, hidden] are needed")
        }
        let (steps, batch) = (steps, batch)
        guard batch <= 1 << 26 else { throw ModelError(.limit, "\(batch) sequences at once; the limit is 2^26") }
        lengths = try call.ints(4) ?? Array(repeating: steps, count: batch)
        guard lengths.count == batch, lengths.allSatisfy({ 0...steps ~= $0 }) else {
            throw ModelError(.invalidGraph, "sequence_lens is \(lengths.prefix(8)), \(batch) numbers of 0 to \(steps) are needed")
        }
        settings = try RecurrentSettings(call, directions: directions, functions: Cell.functions)
    }

    /// Y, Y_h and the cell's other state.
    func run(_ call: Call) throws -> (y: Tensor, h: Tensor, c: Tensor) {
        let type = try call.tensor(0).elementType, gates = Cell.gates * hidden
        let x = try T.load(call.tensor(0), "X"), w = try T.load(call.tensor(1), "W"), r = try T.load(call.tensor(2), "R")
        let bias: [T] = try call.vector(3, count: directions * 2 * gates, "B") ?? Array(repeating: 0, count: directions * 2 * gates)
        let yDims = isBatchFirst ? [batch, steps, directions, hidden] : [steps, directions, batch, hidden]
        let stateDims = isBatchFirst ? [batch, directions, hidden] : [directions, batch, hidden]
        let y = try call.newElements(yDims, T.self)
        let h = try state(call, 5, stateDims), c = try state(call, Cell.hasCellState ? 6 : .max, stateDims)
        let peepholes: [T]? = Cell.hasCellState ? try call.vector(7, count: directions * 3 * hidden, "P") : nil
        let rows = steps * batch
        guard let total = checkedMultiply(rows, gates) else { throw ModelError(.limit, "\(rows) rows of \(gates) gates are too many") }
        try call.environment.checkAllocation(checkedMultiply(total, MemoryLayout<T>.stride) ?? .max)
        let inputs = try NewElements<T>(total)
        unsafe y.withPointer { unsafe $0.update(repeating: 0, count: y.count) }
        for d in 0..<directions {
            unsafe try x.withPointer { x in
                unsafe try w.withPointer { w in
                    unsafe try r.withPointer { r in
                        unsafe try inputs.withPointer { inputs in
                            unsafe try T.multiply(
                                Product(m: rows, n: gates, k: size, a: x, aRow: size, b: w + d * gates * size, bRow: 1, bColumn: size, c: inputs, cRow: gates),
                                threads: call.environment.threads)
                            let cell = unsafe Cell(
                                hidden: hidden, recurrence: r + d * gates * hidden, bias: Array(bias[d * 2 * gates..<(d + 1) * 2 * gates]),
                                peepholes: peepholes.map { Array($0[d * 3 * hidden..<(d + 1) * 3 * hidden]) }, functions: settings.functions(d), settings: settings)
                            for row in 0..<rows { unsafe cell.addBias(inputs + row * gates) }
                            unsafe try walk(cell, d, inputs, r + d * gates * hidden, y, h, c)
                        }
                    }
                }
            }
        }
        return (try T.store(y, as: type, yDims), try T.store(h, as: type, stateDims), try T.store(c, as: type, stateDims))
    }

    private func state(_ call: Call, _ input: Int, _ dims: [Int]) throws -> NewElements<T> {
        let result = try NewElements<T>(elementCount(of: dims) ?? 0, filledWith: 0)
        if let values: [T] = try call.vector(input, count: result.count, "an initial state") {
            for (index, value) in values.enumerated() { result[index] = value }
        }
        return result
    }

    private func walk(
        _ cell: Cell, _ d: Int, _ inputs: UnsafeMutablePointer<T>, _ r: UnsafePointer<T>, _ y: NewElements<T>, _ h: NewElements<T>, _ c: NewElements<T>
    ) throws {
        let gates = Cell.gates * hidden
        // The state of sequence b lies at b·stateStep of the direction's part.
        let (first, stateStep) = isBatchFirst ? (d * hidden, directions * hidden) : (d * batch * hidden, hidden)
        unsafe try Scratch.with(T.self, batch * gates + hidden) { products in
            unsafe try h.withPointer { h in
                unsafe try c.withPointer { c in
                    unsafe try y.withPointer { y in
                        for step in 0..<(lengths.max() ?? 0) {
                            unsafe try T.multiply(
                                Product(m: batch, n: Cell.firstProduct * hidden, k: hidden, a: h + first, aRow: stateStep, b: r, bRow: 1, bColumn: hidden, c: products, cRow: gates),
                                threads: 1)
                            for b in 0..<batch where step < lengths[b] {
                                let t = reverse[d] ? lengths[b] - 1 - step : step
                                let row = isBatchFirst ? b * steps + t : t * batch + b
                                let state = first + b * stateStep
                                unsafe try cell.step(inputs + row * gates, products + b * gates, products + batch * gates, h + state, c + state)
                                let target = isBatchFirst ? ((b * steps + t) * directions + d) * hidden : ((t * directions + d) * batch + b) * hidden
                                unsafe (y + target).update(from: h + state, count: hidden)
                            }
                        }
                    }
                }
            }
        }
    }
}

/// One step of one sequence.
protocol RecurrentCell: Sendable {
    associatedtype T: RealElement
    static var gates: Int { get }
    /// Gates whose product with the last state can be made before any gate is known.
    static var firstProduct: Int { get }
    static var hasCellState: Bool { get }
    /// Activation functions if the node names none.
    static var functions: [String] { get }

    init(
        hidden: Int, recurrence: UnsafePointer<T>, bias: [T], peepholes: [T]?, functions: [RecurrentFunction<T>], settings: RecurrentSettings<T>)
    /// Adds what can be added to the inputs' gates before the walk.
    func addBias(_ gates: UnsafeMutablePointer<T>)
    /// `x`: the gates' sums of the input; `r`: of the last state; `spare`: `hidden` elements; `h`, `c`: state, updated.
    func step(
        _ x: UnsafeMutablePointer<T>, _ r: UnsafeMutablePointer<T>, _ spare: UnsafeMutablePointer<T>, _ h: UnsafeMutablePointer<T>,
        _ c: UnsafeMutablePointer<T>) throws
}

/// Attributes that all three have.
struct RecurrentSettings<T: RealElement>: Sendable {
    let clip: T?
    let linearBeforeReset: Bool
    let couplesForget: Bool
    private let all: [RecurrentFunction<T>]
    private let perDirection: Int

    init(_ call: Call, directions: Int, functions: [String]) throws {
        clip = try call.float("clip").flatMap { $0 > 0 ? T($0) : nil }
        linearBeforeReset = try call.bool("linear_before_reset")
        couplesForget = try call.bool("input_forget")
        perDirection = functions.count
        let stated = try call.strings("activations")?.map { String(decoding: $0, as: UTF8.self) } ?? []
        let names = stated.isEmpty ? Array(repeating: functions, count: directions).flatMap { $0 } : stated
        guard names.count == directions * perDirection else {
            throw ModelError(.invalidGraph, "'activations' names \(names.count) functions, \(directions * perDirection) are needed")
        }
        var alphas = (try call.floats("activation_alpha") ?? [])[...], betas = (try call.floats("activation_beta") ?? [])[...]
        all = try names.map { try RecurrentFunction($0, &alphas, &betas) }
    }

    func functions(_ direction: Int) -> [RecurrentFunction<T>] { Array(all[direction * perDirection..<(direction + 1) * perDirection]) }

    func clipped(_ values: UnsafeMutablePointer<T>, _ count: Int) {
        guard let clip else { return }
        for i in 0..<count { unsafe values[i] = unsafe max(-clip, min(clip, values[i])) }
    }
}

/// An activation function with its numbers.
struct RecurrentFunction<T: RealElement>: Sendable {
    private enum Kind { case relu, tanh, sigmoid, affine, leakyRelu, thresholdedRelu, scaledTanh, hardSigmoid, elu, softsign, softplus }

    private let kind: Kind
    private let alpha: T
    private let beta: T

    /// Takes its numbers, if it has any, from the front of the attributes' lists.
    init(_ name: String, _ alphas: inout ArraySlice<Float>, _ betas: inout ArraySlice<Float>) throws {
        func take(_ list: inout ArraySlice<Float>, _ standard: Float) -> T { T(list.popFirst() ?? standard) }
        switch name.lowercased() {
        case "relu": (kind, alpha, beta) = (.relu, 0, 0)
        case "tanh": (kind, alpha, beta) = (.tanh, 0, 0)
        case "sigmoid": (kind, alpha, beta) = (.sigmoid, 0, 0)
        case "affine": (kind, alpha, beta) = (.affine, take(&alphas, 1), take(&betas, 0))
        case "leakyrelu": (kind, alpha, beta) = (.leakyRelu, take(&alphas, 0.01), 0)
        case "thresholdedrelu": (kind, alpha, beta) = (.thresholdedRelu, take(&alphas, 1), 0)
        case "scaledtanh": (kind, alpha, beta) = (.scaledTanh, take(&alphas, 1), take(&betas, 1))
        case "hardsigmoid": (kind, alpha, beta) = (.hardSigmoid, take(&alphas, 0.2), take(&betas, 0.5))
        case "elu": (kind, alpha, beta) = (.elu, take(&alphas, 1), 0)
        case "softsign": (kind, alpha, beta) = (.softsign, 0, 0)
        case "softplus": (kind, alpha, beta) = (.softplus, 0, 0)
        default: throw ModelError(.invalidGraph, "'activations' has '\(printable(name))', which ONNX does not define")
        }
    }

    func apply(_ x: UnsafeMutablePointer<T>, _ count: Int) {
        switch kind {
        case .relu: for i in 0..<count { unsafe x[i] = unsafe max(0, x[i]) }
        case .tanh: for i in 0..<count { unsafe x[i] = unsafe T.hyperbolicTangent(x[i]) }
        case .sigmoid: for i in 0..<count { unsafe x[i] = unsafe 1 / (1 + T.exponential(-x[i])) }
        case .affine: for i in 0..<count { unsafe x[i] = unsafe alpha * x[i] + beta }
        case .leakyRelu: for i in 0..<count { unsafe x[i] = unsafe x[i] >= 0 ? x[i] : alpha * x[i] }
        case .thresholdedRelu: for i in 0..<count { unsafe x[i] = unsafe x[i] >= alpha ? x[i] : 0 }
        case .scaledTanh: for i in 0..<count { unsafe x[i] = unsafe alpha * T.hyperbolicTangent(beta * x[i]) }
        case .hardSigmoid: for i in 0..<count { unsafe x[i] = unsafe max(0, min(1, alpha * x[i] + beta)) }
        case .elu: for i in 0..<count { unsafe x[i] = unsafe x[i] >= 0 ? x[i] : alpha * (T.exponential(x[i]) - 1) }
        case .softsign: for i in 0..<count { unsafe x[i] = unsafe x[i] / (1 + abs(x[i])) }
        case .softplus: for i in 0..<count { unsafe x[i] = unsafe T.logarithm(1 + T.exponential(x[i])) }
        }
    }
}
