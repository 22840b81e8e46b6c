internal import CKernels
internal import Operators
internal import Tensors

/// Reshape, Transpose, Reshape that deal a value's channels out like cards (ShuffleNet, arXiv:1707.01083): with n channels in each group,
/// channel g * n + c becomes channel c * groups + g.
struct ChannelShuffle {
    let groups: Int
    let output: ValueID
    /// All three.
    let items: [Int]

    /// The one that is all that is done with a value.
    init?(of id: ValueID, _ compiler: Compiler) {
        guard let first = compiler.readers.only(id) else { return nil }
        self.init(startingAt: compiler.unfolding.items[first], first, compiler)
    }

    /// The one whose first node is `item`; its value may have other readers.
    init?(startingAt item: Item, _ index: Int, _ compiler: Compiler) {
        let items = compiler.unfolding.items
        guard item.operatorName == "Reshape", let x = item.inputs.first ?? nil, let dims = compiler.dims(x), dims.count >= 3, !dims.contains(0),
            let split = item.outputs.first ?? nil, let parts = compiler.dims(split), parts.count == dims.count + 1, parts[0] == dims[0],
            parts[3...] == dims[2...], let second = compiler.readers.only(split, is: "Transpose", items),
            items[second].integers("perm") == [0, 2, 1] + Array(3..<parts.count), let dealt = items[second].outputs[0],
            let third = compiler.readers.only(dealt, is: "Reshape", items), let output = items[third].outputs[0], compiler.dims(output) == dims
        else { return nil }
        (groups, self.output, self.items) = (parts[1], output, [index, second, third])
    }
}

/// A channel shuffle of what is channels last: one move, instead of the way through the plain layout and back.
enum ShuffleLowering {
    /// The items behind this one whose work is done with its own; nil, with nothing emitted, if it starts none.
    static func lower(_ item: Item, _ compiler: Compiler) throws -> [Int]? {
        guard item.operatorName == "Reshape", let x = item.inputs.first ?? nil, !compiler.isConstant(x), compiler.isMovable(x),
            compiler.layout(x) == .channelsLast, let dims = compiler.dims(x), !Layout.isFree(dims),
            let shuffle = ChannelShuffle(startingAt: item, -1, compiler)
        else { return nil }
        let channels = dims[1], box = [dims.reduce(1, *) / channels, channels / shuffle.groups, shuffle.groups]
        var (source, target) = (x, shuffle.output)
        if let codes = compiler.codes(x) {
            source = codes.codes
            target = compiler.newValue(codes.quantity.type, dims)
            compiler.defineCodes(shuffle.output, as: QuantizedValue(codes: target, quantity: codes.quantity))
        }
        var from = try compiler.cells(source, .channelsLast), to = try compiler.newCells(target, like: source, .channelsLast)
        from.steps = [channels, 1, box[1]].map { $0 * from.cell }
        to.steps = [channels, shuffle.groups, 1].map { $0 * to.cell }
        guard let part = compiler.part(box, from: from, to: to) else { throw ModelError(.internalFault, "a move of three axes has too many") }
        let rest = Array(shuffle.items.dropFirst())
        compiler.emit(
            MoveStep(parts: [part], target: to.buffer), for: [item.step] + rest.map { compiler.unfolding.items[$0].step }, reads: [from.buffer],
            writes: [to.buffer])
        return rest
    }
}
