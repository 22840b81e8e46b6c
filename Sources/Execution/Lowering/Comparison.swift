internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// Nodes that make truth values. In an elementwise program truth is 1 or 0; they are part of one where somebody makes numbers of it.
enum Comparison {
    static func operation(_ name: String) -> thimble_op? {
        switch name {
        case "Equal": THIMBLE_OP_EQUAL
        case "Less": THIMBLE_OP_LESS
        case "LessOrEqual": THIMBLE_OP_LESS_OR_EQUAL
        case "Greater": THIMBLE_OP_GREATER
        case "GreaterOrEqual": THIMBLE_OP_GREATER_OR_EQUAL
        case "And": THIMBLE_OP_AND
        case "Or": THIMBLE_OP_OR
        case "Xor": THIMBLE_OP_XOR
        case "Not": THIMBLE_OP_NOT
        default: nil
        }
    }

    /// Integers of smaller magnitude are binary32 numbers, and rounding takes no other integer among them.
    private static let exact = 1 << 24
    /// Constants of more elements are not looked at.
    private static let mostElements = 1 << 16

    /// True if the kernel compares as the node does.
    static func suits(_ item: Item, _ unfolding: Unfolding) -> Bool {
        guard item.opset >= 7 || item.node.attribute("broadcast") == nil else { return false }
        let facts = item.inputs.compactMap { $0.map { unfolding.values[$0].fact } }
        guard facts.count == item.inputs.count, facts.allSatisfy({ $0.fixedDims != nil }), let type = facts.first?.elementType,
            facts.allSatisfy({ $0.elementType == type })
        else { return false }
        switch item.operatorName {
        case "And", "Or", "Xor", "Not": return type == .bool
        case "Equal" where type == .bool: return true
        default: return Compiler.isFloat(type) || (type == .int32 || type == .int64) && item.inputs.contains { isSmallConstant($0, unfolding) }
        }
    }

    /// Where one side is such a constant, both sides compare as binary32 as they do as integers.
    private static func isSmallConstant(_ id: ValueID?, _ unfolding: Unfolding) -> Bool {
        guard let id, unfolding.isConstant(id), let count = unfolding.values[id].dims.flatMap({ elementCount(of: $0) }), count <= mostElements,
            let numbers = try? unfolding.tensor(id).integers("a constant")
        else { return false }
        return numbers.allSatisfy { abs($0) < exact }
    }

    static func add(_ op: thimble_op, _ item: Item, _ program: inout ElementwiseProgram) throws -> ElementwiseProgram.Operand {
        let a = try item.operand(0, &program)
        return op == THIMBLE_OP_NOT ? program.add(op, a) : program.add(op, a, try item.operand(1, &program))
    }
}
