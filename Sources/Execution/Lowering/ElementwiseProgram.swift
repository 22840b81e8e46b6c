internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// What a group of elementwise nodes computes, whatever the layout: instructions over the values that it reads.
struct ElementwiseProgram {
    enum Operand: Hashable {
        /// One of `leaves`.
        case leaf(Int)
        case number(Float)
        /// Of an earlier instruction.
        case result(Int)
    }

    enum Leaf: Hashable {
        case value(ValueID)
        /// One number per channel (axis 1) of the result.
        case channels([Float])
    }

    struct Instruction {
        let op: thimble_op
        let a: Operand
        var b = Operand.number(0)
        var c = Operand.number(0)
        var p: Float = 0
        var q: Float = 0
    }

    fileprivate(set) var leaves: [Leaf] = []
    fileprivate(set) var instructions: [Instruction] = []
    /// What values of the group became.
    private var made: [ValueID: Operand] = [:]
    private let unfolding: Unfolding

    /// Nil if a node is not what these instructions can do; `Elementwise.suits` told before.
    init?(_ members: [Int], _ unfolding: Unfolding) {
        self.unfolding = unfolding
        for index in members {
            let item = unfolding.items[index]
            guard let output = item.outputs[0], let builder = Elementwise.builders[item.operatorName] else { return nil }
            guard let result = try? builder(item, &self) else { return nil }
            made[output] = result
        }
        guard let index = members.last, let output = unfolding.items[index].outputs[0], let operand = made[output] else { return }
        // A group that computes nothing is a copy.
        if instructions.isEmpty { made[output] = add(THIMBLE_OP_AFFINE, operand, p: 1) }
        removeUnread(but: output)
    }

    /// Drops instructions whose results nobody reads: what a single one replaced.
    private mutating func removeUnread(but output: ValueID) {
        var isRead = [Bool](repeating: false, count: instructions.count)
        func mark(_ operand: Operand?) { if case .result(let index)? = operand { isRead[index] = true } }
        mark(made[output])
        for index in instructions.indices.reversed() where isRead[index] { instructions[index].operands.forEach(mark) }
        guard isRead.contains(false) else { return }
        var places: [Int?] = [], count = 0
        for read in isRead {
            places.append(read ? count : nil)
            count += read ? 1 : 0
        }
        func moved(_ operand: Operand) -> Operand? {
            guard case .result(let index) = operand else { return operand }
            return places[index].map { .result($0) }
        }
        // What is read was made by what stays.
        instructions = instructions.indices.filter { isRead[$0] }.map {
            let old = instructions[$0]
            return Instruction(op: old.op, a: moved(old.a) ?? old.a, b: moved(old.b) ?? old.b, c: moved(old.c) ?? old.c, p: old.p, q: old.q)
        }
        made = made.compactMapValues(moved)
        let order = leaves.indices.filter { leaf in made[output] == .leaf(leaf) || instructions.contains { $0.operands.contains(.leaf(leaf)) } }
        renumber(order)
        made = made.mapValues { $0.reordered(order) }
    }

    func unfoldingNumber(_ id: ValueID) -> Float? { unfolding.number(id) }
    /// Numbers of a constant that is broadcast along all axes but that of channels.
    func constantChannels(_ id: ValueID, _ dims: [Int]) -> [Float]? {
        guard let own = unfolding.values[id].fact.fixedDims, own.count <= dims.count else { return nil }
        let padded = Array(repeating: 1, count: dims.count - own.count) + own
        guard padded.indices.allSatisfy({ padded[$0] == ($0 == 1 ? dims[1] : 1) }) else { return nil }
        return unfolding.numbers(id)
    }
    func unfoldingNumbers(_ id: ValueID) -> [Float]? { unfolding.numbers(id) }
    var makesCodes: Bool { unfolding.makesCodes }

    /// What the value became; the last instruction is the root's.
    func operand(of id: ValueID) -> Operand? { made[id] }

    mutating func operand(_ id: ValueID) -> Operand {
        if let known = made[id] { return known }
        if let number = unfolding.number(id) { return .number(number) }
        return leaf(.value(id))
    }

    mutating func leaf(_ leaf: Leaf) -> Operand {
        if let known = leaves.firstIndex(of: leaf) { return .leaf(known) }
        leaves.append(leaf)
        return .leaf(leaves.count - 1)
    }

    mutating func add(_ op: thimble_op, _ a: Operand, _ b: Operand = .number(0), _ c: Operand = .number(0), p: Float = 0, q: Float = 0) -> Operand {
        // With one number the operation on a value and a number is quicker than one with a vector of equal numbers.
        if case .number(let number) = b {
            switch op {
            case THIMBLE_OP_MUL: return add(THIMBLE_OP_AFFINE, a, p: number, q: 0)
            case THIMBLE_OP_POW where number == 2: return add(THIMBLE_OP_SQUARE, a)
            case THIMBLE_OP_POW where number == 0.5: return add(THIMBLE_OP_SQRT, a)
            default: break
            }
        }
        instructions.append(Instruction(op: op, a: a, b: b, c: c, p: p, q: q))
        return .result(instructions.count - 1)
    }

    /// The instruction that made an operand.
    func maker(_ operand: Operand) -> Instruction? {
        if case .result(let index) = operand { instructions[index] } else { nil }
    }
}

extension Unfolding {
    /// The one number of a constant float scalar, or of a constant of one element.
    func number(_ id: ValueID) -> Float? {
        guard isConstant(id), let dims = values[id].fact.fixedDims, dims.allSatisfy({ $0 == 1 }), Compiler.isFloat(values[id].fact.elementType) else { return nil }
        return try? tensor(id).floats("a constant").first
    }

    /// All numbers of a constant float value.
    func numbers(_ id: ValueID) -> [Float]? {
        guard isConstant(id), Compiler.isFloat(values[id].fact.elementType) else { return nil }
        return try? Array(tensor(id).floats("a constant"))
    }
}

// MARK: beginnings

extension ElementwiseProgram {
    /// The instruction that alone reads the leaf, if it reads no result of another.
    func first(of leaf: Int) -> (index: Int, instruction: Instruction)? {
        let readers = instructions.indices.filter { instructions[$0].operands.contains(.leaf(leaf)) }
        guard readers.count == 1 else { return nil }
        let instruction = instructions[readers[0]]
        guard instruction.operands.count(where: { $0 == .leaf(leaf) }) == 1 else { return nil }
        if instruction.operands.contains(where: { if case .result = $0 { true } else { false } }) { return nil }
        return (readers[0], instruction)
    }

    /// The same where the leaf is already what the instruction made of it. Leaves that nobody reads any more are gone.
    func without(_ index: Int, leaf: Int) -> (program: ElementwiseProgram, leaf: Int) {
        func shifted(_ operand: Operand) -> Operand {
            guard case .result(let result) = operand, result >= index else { return operand }
            return result == index ? .leaf(leaf) : .result(result - 1)
        }
        var copy = self
        copy.instructions.remove(at: index)
        copy.instructions = copy.instructions.map {
            Instruction(op: $0.op, a: shifted($0.a), b: shifted($0.b), c: shifted($0.c), p: $0.p, q: $0.q)
        }
        copy.made = made.mapValues(shifted)
        let used = leaves.indices.filter { place in place == leaf || copy.instructions.contains { $0.operands.contains(.leaf(place)) } }
        copy.renumber(used)
        copy.made = copy.made.mapValues { $0.reordered(used) }
        return (copy, used.firstIndex(of: leaf) ?? 0)
    }
}

extension ElementwiseProgram.Instruction {
    var operands: [ElementwiseProgram.Operand] { [a, b, c] }
}

// MARK: order of leaves

extension ElementwiseProgram {
    /// The same with leaf `order[i]` as leaf i.
    func reordered(_ order: [Int]) -> ElementwiseProgram {
        var copy = self
        copy.renumber(order)
        return copy
    }

    private mutating func renumber(_ order: [Int]) {
        leaves = order.map { leaves[$0] }
        instructions = instructions.map {
            Instruction(op: $0.op, a: $0.a.reordered(order), b: $0.b.reordered(order), c: $0.c.reordered(order), p: $0.p, q: $0.q)
        }
    }
}

extension ElementwiseProgram.Operand {
    func reordered(_ order: [Int]) -> Self {
        if case .leaf(let index) = self { .leaf(order.firstIndex(of: index) ?? index) } else { self }
    }
}
