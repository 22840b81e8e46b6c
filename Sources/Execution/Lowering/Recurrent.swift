internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// LSTM, GRU and RNN with constant weights and the activations that ONNX has as defaults.
enum RecurrentLowering: Lowering {
    static let operators = ["LSTM", "GRU", "RNN"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        func input(_ index: Int) -> ValueID? { index < item.inputs.count ? item.inputs[index] : nil }
        func output(_ index: Int) -> ValueID? { index < item.outputs.count ? item.outputs[index] : nil }
        let isLSTM = item.operatorName == "LSTM", gates = isLSTM ? 4 : item.operatorName == "GRU" ? 3 : 1
        guard let x = input(0), let w = input(1), let r = input(2), input(4) == nil, compiler.isFloat(x), let xDims = compiler.dims(x),
            let wDims = compiler.dims(w), let rDims = compiler.dims(r), xDims.count == 3, wDims.count == 3, rDims.count == 3, !xDims.contains(0),
            !wDims.contains(0), !rDims.contains(0), let reverse = directions(item), hasStandardActivations(item, directions: reverse.count)
        else { return false }
        let isBatchFirst = item.integer("layout", 0) != 0
        let (steps, batch) = isBatchFirst ? (xDims[1], xDims[0]) : (xDims[0], xDims[1]), (size, hidden) = (xDims[2], rDims[2])
        let count = reverse.count, stateDims = isBatchFirst ? [batch, count, hidden] : [count, batch, hidden]
        guard wDims == [count, gates * hidden, size], rDims == [count, gates * hidden, hidden], item.integer("hidden_size", hidden) == hidden else { return false }
        let bias = input(3), peepholes = isLSTM ? input(7) : nil
        guard suits(bias, count * 2 * gates * hidden, compiler), suits(peepholes, count * 3 * hidden, compiler), suits(w, nil, compiler), suits(r, nil, compiler)
        else { return false }
        let states = [input(5), isLSTM ? input(6) : nil]
        for case let id? in states { guard compiler.isFloat(id), compiler.dims(id) == stateDims else { return false } }
        for index in 0..<3 { if let id = output(index) { guard compiler.isFloat(id), compiler.dims(id) != nil else { return false } } }

        let initial = try states.map { id in try id.map { try compiler.read($0) } }
        let sequence = try compiler.read(x)
        let results = try (0..<3).map { index in try output(index).map { try compiler.make($0) } }
        for (direction, isReverse) in reverse.enumerated() {
            let kernel = unsafe KernelBox(unsafe thimble_recurrent())
            unsafe (kernel.pointer.pointee.kind, kernel.pointer.pointee.family) = (UInt32(isLSTM ? THIMBLE_LSTM : gates == 3 ? THIMBLE_GRU : THIMBLE_RNN), thimble_processor())
            unsafe (kernel.pointer.pointee.steps, kernel.pointer.pointee.batch) = (steps, batch)
            unsafe (kernel.pointer.pointee.input, kernel.pointer.pointee.hidden, kernel.pointer.pointee.reverse) = (size, hidden, isReverse)
            unsafe kernel.pointer.pointee.linear_before_reset = item.integer("linear_before_reset", 0) != 0
            unsafe kernel.pointer.pointee.input_forget = item.integer("input_forget", 0) != 0
            unsafe kernel.pointer.pointee.clip = max(0, item.float("clip", 0))
            unsafe (kernel.pointer.pointee.x_step, kernel.pointer.pointee.x_batch) = isBatchFirst ? (size, steps * size) : (batch * size, size)
            unsafe (kernel.pointer.pointee.y_step, kernel.pointer.pointee.y_batch) = isBatchFirst ? (count * hidden, steps * count * hidden) : (count * batch * hidden, hidden)
            unsafe kernel.pointer.pointee.state_batch = isBatchFirst ? count * hidden : hidden
            let coded = unsafe codes(w, r, direction, kernel.pointer, compiler)
            unsafe thimble_recurrent_prepare(kernel.pointer)
            let offset = direction * (isBatchFirst ? hidden : batch * hidden)
            let weights = unsafe try pack(kernel, direction, gates, [w, r, bias, peepholes], coded, compiler)
            let step = unsafe RecurrentStep(
                kernel: kernel, x: sequence, initial: initial, weights: weights, results: results, offset: offset, units: unsafe thimble_recurrent_units(kernel.pointer))
            compiler.emit(
                step, for: direction == 0 ? [item.step] : [], reads: [sequence] + initial.compactMap { $0 }, writes: results.compactMap { $0 },
                scratch: unsafe thimble_recurrent_scratch(kernel.pointer))
        }
        return true
    }

    private static func directions(_ item: Item) -> [Bool]? {
        switch item.text("direction")?.lowercased() {
        case nil, "forward": [false]
        case "reverse": [true]
        case "bidirectional": [false, true]
        default: nil
        }
    }

    private static func hasStandardActivations(_ item: Item, directions: Int) -> Bool {
        guard let attribute = item.node.attribute("activations") else { return true }
        guard case .strings(let names) = attribute.value else { return false }
        let standard = item.operatorName == "LSTM" ? ["sigmoid", "tanh", "tanh"] : item.operatorName == "GRU" ? ["sigmoid", "tanh"] : ["tanh"]
        return names.isEmpty || names.map { String(decoding: $0, as: UTF8.self).lowercased() } == Array(repeating: standard, count: directions).flatMap { $0 }
    }

    /// True if it is left out, or a constant of so many numbers.
    private static func suits(_ id: ValueID?, _ count: Int?, _ compiler: Compiler) -> Bool {
        guard let id else { return true }
        return compiler.isConstant(id) && compiler.isFloat(id) && (count == nil || compiler.dims(id)?.reduce(1, *) == count)
    }

    /// Weights of both products that stay codes; nil if one does not.
    private static func codes(
        _ w: ValueID, _ r: ValueID, _ direction: Int, _ kernel: UnsafeMutablePointer<thimble_recurrent>, _ compiler: Compiler
    ) -> (w: CodedMatrix, r: CodedMatrix)? {
        guard let input = compiler.unfolding.coded(w).flatMap({ CodedMatrix($0, direction: direction) }),
            let state = compiler.unfolding.coded(r).flatMap({ CodedMatrix($0, direction: direction) })
        else { return nil }
        var forms = unsafe (thimble_codes(), thimble_codes())
        // A GRU's third gate begins a cell, or shares one with all.
        let described = unsafe kernel.pointee
        // Wide codes that lie apart are for large products.
        guard unsafe input.describe(&forms.0), unsafe state.describe(&forms.1), unsafe !forms.0.narrow && !forms.1.narrow, unsafe described.kind != UInt32(THIMBLE_GRU) || state.cutsColumns(at: 2 * described.hidden)
        else { return nil }
        unsafe (kernel.pointee.is_coded, kernel.pointee.input_codes, kernel.pointee.state_codes) = unsafe (true, forms.0, forms.1)
        return (input, state)
    }

    private static func pack(
        _ kernel: KernelBox<thimble_recurrent>, _ direction: Int, _ gates: Int, _ weights: [ValueID?], _ coded: (w: CodedMatrix, r: CodedMatrix)?, _ compiler: Compiler
    ) throws -> PackedWeights {
        let (size, hidden, kind) = unsafe (kernel.pointer.pointee.input, kernel.pointer.pointee.hidden, Int(kernel.pointer.pointee.kind))
        let starts = [gates * hidden * size, gates * hidden * hidden, 2 * gates * hidden, 3 * hidden].map { $0 * direction }
        let form = unsafe [3, kind, direction, kernel.pointer.pointee.linear_before_reset ? 1 : 0] + weights.map { $0 == nil ? 0 : 1 }
        if let coded {
            let others = weights[2...].compactMap { $0 }
            return try unsafe compiler.packed(others, with: coded.w.weights.identities + coded.r.weights.identities, form: [11] + form, byteCount: thimble_recurrent_pack_size(kernel.pointer)) { numbers, memory in
                let given = place(numbers, weights[2...])
                try unsafe lend(given, from: starts[2...], []) { given in
                    try unsafe coded.w.withWholeSource(kernel.pointer.pointee.input_codes) { w in
                        try unsafe coded.r.withWholeSource(kernel.pointer.pointee.state_codes) { r in
                            unsafe thimble_recurrent_pack_codes(kernel.pointer, w, r, given[0], given[1], memory)
                        }
                    }
                }
            }
        }
        return try unsafe compiler.packed(weights.compactMap { $0 }, form: form, byteCount: thimble_recurrent_pack_size(kernel.pointer)) { numbers, memory in
            try unsafe lend(place(numbers, weights[...]), from: starts[...], []) { given in
                unsafe thimble_recurrent_pack(kernel.pointer, given[0], given[1], given[2], given[3], memory)
            }
        }
    }

    /// The numbers of those weights that there are, at their places.
    private static func place(_ numbers: [Elements<Float>], _ weights: ArraySlice<ValueID?>) -> ArraySlice<Elements<Float>?> {
        var next = 0
        return weights.map { id -> Elements<Float>? in
            guard id != nil else { return nil }
            next += 1
            return numbers[next - 1]
        }[...]
    }

    /// Lends the addresses of numbers from a place of each on; nil for those that there are not.
    private static func lend(
        _ numbers: ArraySlice<Elements<Float>?>, from starts: ArraySlice<Int>, _ lent: [UnsafePointer<Float>?], _ body: ([UnsafePointer<Float>?]) throws -> Void
    ) throws {
        guard let first = numbers.first, let start = starts.first else { return try unsafe body(lent) }
        guard let first else { return try unsafe lend(numbers.dropFirst(), from: starts.dropFirst(), lent + [nil], body) }
        try unsafe first.withUnsafeBuffer { buffer in
            // Memory has a base even if there is nothing in it.
            let address = unsafe buffer.baseAddress! + min(start, buffer.count)
            try unsafe lend(numbers.dropFirst(), from: starts.dropFirst(), unsafe lent + [address], body)
        }
    }
}

/// One direction of a recurrent node.
@safe
struct RecurrentStep: WeightedStep {
    let kernel: KernelBox<thimble_recurrent>
    let x: BufferID
    /// Of h and c.
    let initial: [BufferID?]
    let weights: PackedWeights
    /// Y, Y_h and Y_c.
    let results: [BufferID?]
    /// Floats to this direction's part, in Y and the states alike.
    let offset: Int
    let units: Int

    func run(_ run: ProgramRun) throws {
        func place(_ id: BufferID?) -> UnsafeMutablePointer<Float>? { if let id { unsafe run.floats(id) + offset } else { nil } }
        let packed = unsafe try run.address(of: weights)
        let source = unsafe run.floats(x), h = unsafe place(initial[0]), c = unsafe place(initial[1])
        let y = unsafe place(results[0]), lastH = unsafe place(results[1]), lastC = unsafe place(results[2])
        unsafe run.share(units) { first, last, scratch in
            unsafe thimble_recurrent_run(kernel.pointer, source, nil, h, c, packed, y, lastH, lastC, first, last, scratch)
        }
    }
}
