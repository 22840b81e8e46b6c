internal import ModelGraph
internal import Operators
internal import Tensors

/// Gives a Reshape whose target is computed from dims of the inputs a constant target.
///
/// Applies where inference knows every dim of the result as a number, as that of the input's axis at the same place (0), or, for one of them and
/// with all others positive numbers, as what is left (-1). The arithmetic that computed the target is dead afterwards. Leaves alone targets with a
/// dim that may be 0 beside a -1, where a runtime could not tell what is left.
enum FoldShapes: GraphPass {
    static let name = "fold-shapes"
    static let summary = "targets of Reshape that follow from dims become constants"

    static func run(_ graph: GraphEditor, _ log: inout PassLog) throws {
        for node in graph.nodes(of: .reshape) where graph.nodes[node].opset >= 5 {
            let record = graph.nodes[node], shape = graph.input(node, 1)
            guard shape >= 0, !graph.isConstant(shape), record.inputs[0] >= 0, let output = record.outputs.first, output >= 0,
                let target = graph.target(of: output, from: record.inputs[0])
            else { continue }
            log.did("\(graph.label(node)) to \(target)")
            let constant = graph.addConstant(.int64Vector(target), in: record.graph)
            graph.setInput(node, 1, constant)
            graph.setAttribute(node, "allowzero", nil)
        }
    }
}

extension GraphEditor {
    /// The target of a Reshape of `data` (without `allowzero`) that gives it the dims of `output`, whatever the symbols stand for; nil if there is none.
    func target(of output: ValueID, from data: ValueID) -> [Int]? { dims(output).flatMap { target($0, from: data) } }

    /// The same for dims that are wanted.
    func target(_ dims: [Dim], from data: ValueID) -> [Int]? {
        let source = self.dims(data) ?? []
        var target: [Int] = [], isCopying = false, free = 0
        for (axis, dim) in dims.enumerated() {
            if let value = dim.value {
                guard value > 0 else { return nil }
                target.append(value)
            } else if axis < source.count, source[axis].isSame(as: dim) {
                isCopying = true
                target.append(0)
            } else {
                free += 1
                target.append(-1)
            }
        }
        return free == 0 || free == 1 && !isCopying ? target : nil
    }
}
