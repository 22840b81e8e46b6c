internal import ModelGraph
internal import Operators
internal import Tensors

/// Nodes that only give other dims to the same bytes, or nothing new at all.
enum RelabelLowering: Lowering {
    static let operators = ["Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout"]

    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool {
        guard let input = item.inputs.first ?? nil, let output = item.outputs.first ?? nil, compiler.unfolding.readsFirstOnly(item),
            let from = compiler.dims(input), let to = compiler.dims(output), elementCount(of: from) == elementCount(of: to),
            let type = compiler.fact(output).elementType, type.byteCount(elements: 1) != nil, type == compiler.fact(input).elementType,
            elementCount(of: to).map({ $0 > 0 }) ?? false, !compiler.isConstant(input)
        else { return false }
        if item.operatorName == "Dropout", try isTraining(item, compiler) { return false }
        // Spatial axes that are split or joined follow each other in either layout.
        let keepsChannels = from.count >= 3 && to.count >= 3 && from.prefix(2) == to.prefix(2) && compiler.layout(input) == .channelsLast
        guard compiler.isFloat(input) else {
            if from == to { try compiler.aliasExact(input, as: output) } else {
                let layout: Layout = keepsChannels ? .channelsLast : .plain
                try compiler.relabel(input, layout, as: output, layout)
            }
            return true
        }
        if from == to || keepsChannels {
            let layout = compiler.layout(input)
            compiler.define(output, as: try compiler.part(of: try compiler.read(input, layout), dims: layout.physical(to)), layout)
        } else {
            compiler.define(output, as: try compiler.part(of: try compiler.read(input, .plain), dims: to), .plain)
        }
        return true
    }

    /// A Dropout that may really drop: the mode is an input that is not known to be false.
    private static func isTraining(_ item: Item, _ compiler: Compiler) throws -> Bool {
        guard item.opset >= 12, item.inputs.count > 2, let mode = item.inputs[2] else { return item.opset < 7 && item.node.attribute("is_test") == nil }
        guard compiler.isConstant(mode) else { return true }
        return try compiler.unfolding.tensor(mode).inPlace().isTrue
    }
}
