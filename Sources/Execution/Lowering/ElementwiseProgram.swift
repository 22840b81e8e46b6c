internal import CKernels
internal import ModelGraph
internal import Operators
internal import Tensors

/// What a group of elementwise nodes computes, whatever the layout: instructions over the values that it reads.
struct ElementwiseProgram {
    enum Operand: Equatable {
        /// One of `leaves`.
        case leaf(Int)
        case number(Float)
        /// Of an earlier instruction.
        case result(Int)
    }

    enum Leaf: Equatable {
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
    /// What a value of the group became.
    private struct Made {
        let value: ValueID
        var operand: Operand
    }

    /// A handful.
    private var made: [Made] = []
    private let unfolding: Unfolding

    /// Nil if a node is not what these instructions can do; `Elementwise.suits` told before.
    init?(_ members: [Int], _ unfolding: Unfolding) {
        self.unfolding = unfolding
        for index in members {
            let item = unfolding.items[index]
            guard let output = item.outputs[0], let builder = item.operation.elementwise else { return nil }
            guard let result = try? builder(item, &self) else { return nil }
            made.append(Made(value: output, operand: result))
        }
        guard let last = made.last else { return }
        let output = last.value
        // A group that computes nothing is a copy.
        if instructions.isEmpty { made[made.count - 1].operand = add(THIMBLE_OP_AFFINE, last.operand, p: 1) }
        removeUnread(but: output)
    }

    /// Drops instructions whose results nobody reads: what a single one replaced.
    private mutating func removeUnread(but output: ValueID) {
        var isRead = [Bool](repeating: false, count: instructions.count)
        func mark(_ operand: Operand?) { if case .result(let index)? = operand { isRead[index] = true } }
        mark(operand(of: output))
        for index in instructions.indices.reversed() where isRead[index] {
            mark(instructions[index].a)
            mark(instructions[index].b)
            mark(instructions[index].c)
        }
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
        made = made.compactMap { old in moved(old.operand).map { Made(value: old.value, operand: $0) } }
        let result = operand(of: output)
        keepLeaves { result == .leaf($0) }
    }

    /// Forgets leaves that no instruction reads, but for those that are wanted. Gives the places of those that stay.
    @discardableResult
    private mutating func keepLeaves(_ isWanted: (Int) -> Bool) -> [Int] {
        let order = leaves.indices.filter { leaf in isWanted(leaf) || instructions.contains { $0.reads(.leaf(leaf)) } }
        if order.count < leaves.count {
            renumber(order)
            for index in made.indices { made[index].operand = made[index].operand.reordered(order) }
        }
        return order
    }

    func unfoldingNumber(_ id: ValueID) -> Float? { unfolding.number(id) }
    /// Numbers of a constant that is broadcast along all axes but that of channels.
    func constantChannels(_ id: ValueID, _ dims: [Int]) -> [Float]? {
        guard let own = unfolding.values[id].dims, own.count <= dims.count else { return nil }
        let padded = Array(repeating: 1, count: dims.count - own.count) + own
        guard padded.indices.allSatisfy({ padded[$0] == ($0 == 1 ? dims[1] : 1) }) else { return nil }
        return unfolding.numbers(id)
    }
    func unfoldingNumbers(_ id: ValueID) -> [Float]? { unfolding.numbers(id) }
    var makesCodes: Bool { unfolding.makesCodes }

    /// What the value became; the last instruction is the root's.
    func operand(of id: ValueID) -> Operand? { made.first { $0.value == id }?.operand }

    mutating func operand(_ id: ValueID) -> Operand {
        if let known = operand(of: id) { return known }
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
        guard isConstant(id), let dims = values[id].dims, dims.allSatisfy({ $0 == 1 }), Compiler.isFloat(values[id].fact.elementType) else { return nil }
        guard let numbers = try? floats(id), numbers.count > 0 else { return nil }
        return numbers[0]
    }

    /// All numbers of a constant float value.
    func numbers(_ id: ValueID) -> [Float]? {
        guard isConstant(id), Compiler.isFloat(values[id].fact.elementType) else { return nil }
        return try? floats(id).array
    }
}

// MARK: beginnings

extension ElementwiseProgram {
    /// The instruction that alone reads the leaf, if it reads no result of another.
    func first(of leaf: Int) -> (index: Int, instruction: Instruction)? {
        let operand = Operand.leaf(leaf)
        guard let index = instructions.firstIndex(where: { $0.reads(operand) }), !instructions[(index + 1)...].contains(where: { $0.reads(operand) }) else { return nil }
        let instruction = instructions[index]
        guard (instruction.a == operand ? 1 : 0) + (instruction.b == operand ? 1 : 0) + (instruction.c == operand ? 1 : 0) == 1, !instruction.readsResults else { return nil }
        return (index, instruction)
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
        for index in copy.made.indices { copy.made[index].operand = shifted(copy.made[index].operand) }
        let used = copy.keepLeaves { $0 == leaf }
        return (copy, used.firstIndex(of: leaf) ?? 0)
    }
}

extension ElementwiseProgram.Instruction {
    func reads(_ operand: ElementwiseProgram.Operand) -> Bool { a == operand || b == operand || c == operand }

    var readsResults: Bool {
        if case .result = a { return true }
        if case .result = b { return true }
        if case .result = c { return true }
        return false
    }
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
