internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// Codes side by side along their channels, each made those of the result: a Concat between DequantizeLinear and QuantizeLinear, with a
/// shuffle of the channels behind it or without, and com.microsoft's QLinearConcat.
enum ChannelJoin {
    /// The items behind this one whose work is done with its own; nil, with nothing emitted, if it is no such Concat.
    static func lower(_ item: Item, _ y: ValueID, _ compiler: Compiler) throws -> [Int]? {
        var inputs: [QuantizedValue] = []
        for id in item.inputs {
            guard let codes = id.flatMap({ compiler.codes($0) }) else { return nil }
            inputs.append(codes)
        }
        let shuffle = ChannelShuffle(of: y, compiler), joined = shuffle?.output ?? y
        let isOne = inputs.allSatisfy { $0.quantity == inputs.first?.quantity }
        if let ending = QuantizedPattern.ending(joined, compiler) {
            let done = (shuffle?.items ?? []) + ending.items
            return try emit(item, inputs, to: ending.output, y, ending.quantity, ending.limits, shuffle, done, compiler) ? done : nil
        }
        // What goes on in floats is made of codes, too, if all inputs' mean the same.
        guard isOne, let quantity = inputs.first?.quantity, compiler.fact(joined).elementType == .float, let dims = compiler.dims(joined) else { return nil }
        let output = compiler.newValue(quantity.type, dims), done = shuffle?.items ?? []
        guard try emit(item, inputs, to: output, y, quantity, (quantity.lowest, quantity.highest), shuffle, done, compiler) else { return nil }
        compiler.defineCodes(joined, as: QuantizedValue(codes: output, quantity: quantity))
        return done
    }

    /// QLinearConcat: scale and zero point of the result, then codes, scale and zero point of each input.
    static func lowerOperator(_ item: Item, _ y: ValueID, _ compiler: Compiler) throws -> Bool {
        let ids = item.inputs
        guard ids.count >= 5, (ids.count - 2) % 3 == 0, let result = compiler.quantity(ids[0], ids[1], compiler.fact(y).elementType) else { return false }
        var inputs: [QuantizedValue] = []
        for first in stride(from: 2, to: ids.count, by: 3) {
            guard let codes = ids[first], !compiler.isConstant(codes),
                let quantity = compiler.quantity(ids[first + 1], ids[first + 2], compiler.fact(codes).elementType)
            else { return false }
            inputs.append(QuantizedValue(codes: codes, quantity: quantity))
        }
        return try emit(item, inputs, to: y, y, result, (result.lowest, result.highest), nil, [], compiler)
    }

    private static func emit(
        _ item: Item, _ inputs: [QuantizedValue], to output: ValueID, _ y: ValueID, _ quantity: Quantity, _ limits: (low: Int32, high: Int32),
        _ shuffle: ChannelShuffle?, _ done: [Int], _ compiler: Compiler
    ) throws -> Bool {
        let all = inputs.map { compiler.dims($0.codes) ?? [] }, types = inputs.map(\.quantity.type)
        guard let dims = compiler.dims(y), dims.count >= 3, !dims.contains(0), compiler.dims(output) == dims,
            all.allSatisfy({ $0.count == dims.count && $0[1] > 0 && $0[0] == dims[0] && $0[2...] == dims[2...] }),
            all.reduce(0, { $0 + $1[1] }) == dims[1], case let axis = item.integer("axis", 1), axis == 1 || axis == 1 - dims.count,
            inputs.contains(where: { compiler.exactLayout($0.codes) == .channelsLast }), Set(types).count == 1
        else { return false }
        // A shuffle is what joins the inputs, channel by channel, if each is one of its groups.
        if let shuffle {
            guard shuffle.groups == inputs.count, inputs.count <= Int(THIMBLE_JOIN), all.allSatisfy({ $0[1] == all[0][1] }) else { return false }
        }
        let pixels = try inputs.map { try compiler.readPixels($0.codes) }, target = try compiler.makeExact(output, .channelsLast)
        var kernel = thimble_q8_join()
        (kernel.family, kernel.pixels, kernel.out_pixel) = (thimble_processor(), dims.reduce(1, *) / dims[1], dims[1])
        (kernel.in_signed, kernel.out_signed) = (types[0] == .int8, quantity.isSigned)
        (kernel.out, kernel.low, kernel.high) = (quantity.described, limits.low, limits.high)
        var parts: [ByteJoinStep.Part] = [], offset = 0
        for group in shuffle == nil ? inputs.indices.map({ $0..<$0 + 1 }) : [inputs.indices] {
            (kernel.inputs, kernel.channels) = (group.count, all[group.lowerBound][1])
            for (place, input) in group.enumerated() {
                kernel.setInput(place, inputs[input].quantity.described, pixel: pixels[input].stride)
            }
            let box = KernelBox(kernel)
            parts.append(
                unsafe ByteJoinStep.Part(
                    kernel: box, sources: pixels[group].map(\.buffer), offset: offset, units: thimble_q8_join_units(box.pointer)))
            offset += kernel.channels
        }
        compiler.emit(
            ByteJoinStep(parts: parts, target: target), for: [item.step] + done.map { compiler.unfolding.items[$0].step }, reads: pixels.map(\.buffer),
            writes: [target])
        return true
    }
}

extension thimble_q8_join {
    fileprivate mutating func setInput(_ place: Int, _ quantity: thimble_quantity, pixel: Int) {
        switch place {
        case 0: (self.in.0, in_pixel.0) = (quantity, pixel)
        case 1: (self.in.1, in_pixel.1) = (quantity, pixel)
        case 2: (self.in.2, in_pixel.2) = (quantity, pixel)
        default: (self.in.3, in_pixel.3) = (quantity, pixel)
        }
    }
}

/// Codes of several values joined along their channels.
struct ByteJoinStep: Step {
    struct Part {
        let kernel: KernelBox<thimble_q8_join>
        /// At most THIMBLE_JOIN.
        let sources: [BufferID]
        /// Of the first channel in a pixel of the target.
        let offset: Int
        let units: Int
    }

    let parts: [Part]
    let target: BufferID

    func run(_ run: ProgramRun) throws {
        for part in parts {
            let to = unsafe run[target] + part.offset
            unsafe withUnsafeTemporaryAllocation(of: UnsafeRawPointer?.self, capacity: Int(THIMBLE_JOIN)) { from in
                unsafe from.initialize(repeating: nil)
                for (place, source) in part.sources.enumerated() { unsafe from[place] = unsafe UnsafeRawPointer(run[source]) }
                nonisolated(unsafe) let from = from.baseAddress
                unsafe run.share(part.units) { first, last, _ in unsafe thimble_q8_join_run(part.kernel.pointer, from, to, first, last) }
            }
        }
    }
}
