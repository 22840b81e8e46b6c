internal import ModelGraph
internal import Operators
internal import Tensors

/// Number of a value within an unfolding.
typealias ValueID = Int

/// A node that is to be run, of the graph itself or of a function that it calls.
final class Item {
    let step: Plan.Step
    let operation: Operation
    let inputs: [ValueID?]
    let outputs: [ValueID?]
    let subgraphs: [Name: (plan: Plan, captures: [ValueID])]
    /// What it made, if it was folded.
    var results: [Value?]?

    var node: Node { step.node }
    var opset: Int { step.opset }
    var kernel: any Runnable.Type { operation.kernel }
    /// "Conv", or "com.microsoft:FusedConv".
    var operatorName: String { operation.name }

    init(_ step: Plan.Step, _ operation: Operation, inputs: [ValueID?], outputs: [ValueID?], subgraphs: [Name: (plan: Plan, captures: [ValueID])]) {
        self.step = step
        self.operation = operation
        self.inputs = inputs
        self.outputs = outputs
        self.subgraphs = subgraphs
    }
}

/// A plan for inputs of known types and dims as one flat list of nodes: functions in place of their calls, with what is known of
/// every value, and without what needs no run.
final class Unfolding {
    struct Value {
        fileprivate(set) var fact: Fact
        /// Of the fact, if all are known.
        fileprivate(set) var dims: [Int]?
        fileprivate(set) var source: Source
        /// How often items and outputs read it.
        fileprivate(set) var uses = 0
    }

    enum Source {
        /// Inputs, captures, and what items make.
        case run(Item?)
        case constant(Constant)
        /// What an item makes of constants alone: computed when somebody needs it.
        case folded(Item, output: Int)
        /// Known without any run: a shape. Behind a pointer: there are many values, and few of them are such.
        indirect case known(Tensor)
    }

    private(set) var items: [Item] = []
    private(set) var values: [Value] = []
    private(set) var inputs: [ValueID] = []
    private(set) var captures: [ValueID] = []
    private(set) var outputs: [ValueID?] = []
    /// Whether floats of a run are rounded to codes. Then a last bit can decide a whole step, so that what is computed as the nodes say it, in their order,
    /// falls to the same side of a tie as in other runtimes.
    private(set) var makesCodes = false
    /// By the constant's number; -1 for those that nobody read.
    private var constants: [ValueID] = []
    let environment: any RunEnvironment

    /// Nodes, function calls counted, above which a graph is run node by node: functions that call functions unfold to any number.
    private static let maximumCount = 200_000
    private var count = 0

    /// Results of folding above that size are left to the run.
    private static let foldingLimit = 1 << 16

    /// `inputs` and `captures` in the plan's order; nil where the standard value is taken.
    init(_ plan: Plan, inputs facts: [Fact?], captures: [Fact], environment: any RunEnvironment) throws {
        self.environment = FoldingEnvironment(environment)
        var slots = [ValueID?](repeating: nil, count: plan.slotCount)
        for (input, fact) in zip(plan.inputs, facts) {
            slots[input.slot] = if let fact { new(fact, .run(nil)) } else { try input.standard.map { try value(of: $0) } }
            self.inputs.append(slots[input.slot] ?? -1)
        }
        for (capture, fact) in zip(plan.captures, captures) {
            let id = new(fact, .run(nil))
            slots[capture.inner] = id
            self.captures.append(id)
        }
        values.reserveCapacity(values.count + plan.slotCount + 64)
        items.reserveCapacity(plan.steps.count)
        outputs = try unfold(plan, slots: &slots)
        for case let id? in outputs { values[id].uses += 1 }
        for item in items {
            for case let id? in item.inputs { values[id].uses += 1 }
            for subgraph in item.subgraphs.values { for id in subgraph.captures { values[id].uses += 1 } }
        }
    }

    private func new(_ fact: Fact, _ source: Source) -> ValueID {
        values.append(Value(fact: fact, dims: fact.fixedDims, source: source))
        return values.count - 1
    }

    /// A value that no item of the graph makes.
    func addValue(_ fact: Fact) -> ValueID { new(fact, .run(nil)) }

    /// A number above 0 that no other constant of the model has; nil for what is not the model's own.
    func identity(_ id: ValueID) -> Int? {
        if case .constant(let constant) = values[id].source { constant.number + 1 } else { nil }
    }

    /// The DequantizeLinear that a constant float value is made by, if it is.
    func dequantization(_ id: ValueID) -> Item? {
        if case .folded(let item, 0) = values[id].source, item.operatorName == "DequantizeLinear" { item } else { nil }
    }

    private func value(of constant: Constant) throws -> ValueID {
        if constants.isEmpty { constants = [ValueID](repeating: -1, count: constant.owner.count) }
        if case let known = constants[constant.number], known >= 0 { return known }
        let id = new(try constant.fact, .constant(constant))
        constants[constant.number] = id
        return id
    }

    private func unfold(_ plan: Plan, slots: inout [ValueID?]) throws -> [ValueID?] {
        func id(_ operand: Plan.Operand) throws -> ValueID? {
            switch operand {
            case .none: nil
            case .slot(let slot): slots[slot]
            case .constant(let constant): try value(of: constant)
            }
        }
        for step in plan.steps {
            count += 1
            guard count <= Self.maximumCount else { throw ProgramUnsuitable() }
            let inputs = try step.operands.map(id)
            switch step.action {
            case .function(let body):
                var inner = [ValueID?](repeating: nil, count: body.slotCount)
                for (index, input) in body.inputs.enumerated() { inner[input.slot] = index < inputs.count ? inputs[index] : nil }
                let results = try within(step.node.label) { try unfold(body, slots: &inner) }
                for (index, slot) in step.outputs.enumerated() { if let slot { slots[slot] = index < results.count ? results[index] : nil } }
            case .kernel(let operation):
                if let (name, branch) = try branch(of: step, inputs) {
                    var inner = [ValueID?](repeating: nil, count: branch.slotCount)
                    for capture in branch.captures { inner[capture.inner] = slots[capture.outer] }
                    let results = try within(step.node.label) { try within("graph '\(name)'") { try unfold(branch, slots: &inner) } }
                    for (index, slot) in step.outputs.enumerated() { if let slot { slots[slot] = index < results.count ? results[index] : nil } }
                    continue
                }
                try add(step, operation, inputs, &slots)
            }
        }
        return try plan.outputs.map(id)
    }

    /// The graph that an If runs whatever the values are, since its condition is known.
    private func branch(of step: Plan.Step, _ inputs: [ValueID?]) throws -> (name: Name, plan: Plan)? {
        guard step.node.opType == "If", Domain.canonical(step.node.domain).isEmpty, let condition = inputs.first ?? nil, isConstant(condition),
            values[condition].fact.elementType == .bool
        else { return nil }
        let name: Name = try tensor(condition).inPlace().isTrue ? "then_branch" : "else_branch"
        guard let plan = step.subgraphs[name], plan.inputs.isEmpty, plan.outputs.count >= step.outputs.count else { return nil }
        return (name, plan)
    }

    private func add(_ step: Plan.Step, _ operation: Operation, _ inputs: [ValueID?], _ slots: inout [ValueID?]) throws {
        // Another name of a constant: there may be one for each weight.
        if operation.kernel == Identity.self, inputs.count == 1, step.outputs.count == 1, let id = inputs[0], isConstant(id), let slot = step.outputs[0] {
            slots[slot] = id
            return
        }
        let facts = inputs.map { id in id.map { values[$0].fact } }
        // Weights in codes stay so for kernels that take them.
        let makesWeights = step.node.opType == "DequantizeLinear"
        // What cannot be right is found again when it runs, with the values at hand.
        let results = (try? Operators.infer(step.node, of: operation.kernel, opset: step.opset, inputs: facts, runsConstants: !makesWeights)) ?? []
        func fact(_ index: Int) -> Fact { index < results.count ? results[index] : .unknown }

        if step.outputs.count == 1, let slot = step.outputs[0], !operation.isRandom, step.subgraphs.isEmpty, !makesWeights {
            if let known = fact(0).constant {
                slots[slot] = new(Fact(constant: known), .known(known))
                return
            }
        }
        let item = Item(
            step, operation, inputs: inputs, outputs: step.outputs.enumerated().map { index, slot in
                guard let slot else { return nil }
                slots[slot] = new(fact(index), .run(nil))
                return slots[slot]
            },
            subgraphs: step.subgraphs.isEmpty ? [:] : step.subgraphs.mapValues { plan in (plan, plan.captures.compactMap { slots[$0.outer] }) })
        if isFoldable(item), fold(item) { return }
        for id in item.outputs { if let id { values[id].source = .run(item) } }
        items.append(item)
        makesCodes = makesCodes || item.operatorName == "QuantizeLinear"
    }

    private func isFoldable(_ item: Item) -> Bool {
        guard item.subgraphs.isEmpty, !item.operation.isRandom else { return false }
        return item.inputs.allSatisfy { id in
            guard let id else { return true }
            if case .run = values[id].source { return false }
            return true
        }
    }

    /// True if the item needs no run: small results are computed at once, so that the shapes that follow from them are known, large
    /// ones when somebody asks for them.
    private func fold(_ item: Item) -> Bool {
        let sizes = item.outputs.compactMap { id -> Int?? in id.map { id in values[id].fact.elementType == nil ? nil : values[id].dims.flatMap { elementCount(of: $0) } } }
        if sizes.allSatisfy({ $0.map { $0 > Self.foldingLimit } ?? false }) || (item.operatorName == "DequantizeLinear" && sizes.allSatisfy { $0 != nil }) {
            for (index, id) in item.outputs.enumerated() { if let id { values[id].source = .folded(item, output: index) } }
            return true
        }
        guard inputsAreSmall(item), sizes.allSatisfy({ $0 ?? 0 <= Self.foldingLimit }), let results = try? evaluate(item),
            item.outputs.indices.allSatisfy({ item.outputs[$0] == nil || $0 < results.count && results[$0]?.tensor != nil })
        else { return false }
        for (id, result) in zip(item.outputs, results) {
            guard let id, let tensor = result?.tensor else { continue }
            (values[id].fact, values[id].dims) = (Fact(constant: tensor), tensor.dims)
            values[id].source = .known(tensor)
        }
        return true
    }

    private func inputsAreSmall(_ item: Item) -> Bool {
        item.inputs.enumerated().allSatisfy { index, id in
            // Of what is encoded, a part is decoded only.
            if index == 0, let id, item.operatorName == "Slice" || item.operatorName == "Gather", case .constant(let constant) = values[id].source, constant.isEncoded {
                return true
            }
            guard let id, let count = values[id].dims.flatMap({ elementCount(of: $0) }) else { return id == nil }
            return count <= Self.foldingLimit
        }
    }

    private func evaluate(_ item: Item) throws -> [Tensors.Value?] {
        if let known = item.results { return known }
        let inputs = try item.inputs.map { id in try id.map { Tensors.Value.tensor(try operand($0)) } }
        let made = try within(item.node.label) { try item.kernel.run(Call(node: item.node, opset: item.opset, inputs: inputs, environment: environment)) }
        item.results = made
        return made
    }

    /// What a kernel reads once: a constant of the model as it lies, not made ready for all who may come.
    private func operand(_ id: ValueID) throws -> Tensor {
        guard case .constant(let constant) = values[id].source, !constant.isSparse else { return try tensor(id) }
        try constant.tensor.checkEncoding()
        return constant.tensor
    }

    /// True if nobody reads another output than the first: the mask of a Dropout, say.
    func readsFirstOnly(_ item: Item) -> Bool { item.outputs.count == 1 || item.outputs.dropFirst().allSatisfy { id in id.map { values[$0].uses == 0 } ?? true } }

    // MARK: constants

    func isConstant(_ id: ValueID) -> Bool {
        if case .run = values[id].source { false } else { true }
    }

    /// The tensor that a constant value is.
    func tensor(_ id: ValueID) throws -> Tensor {
        switch values[id].source {
        case .known(let tensor): return tensor
        case .constant(let constant):
            guard let tensor = try constant.value.tensor else { throw ModelError(.internalFault, "a constant that is no tensor") }
            return tensor
        case .folded(let item, let output):
            guard let tensor = try evaluate(item)[output]?.tensor else { throw ModelError(.internalFault, "a constant that is no tensor") }
            return tensor
        case .run: throw ModelError(.internalFault, "a value that is no constant is taken for one")
        }
    }
}

extension Unfolding {
    /// The numbers of a constant float value, in place where they lie aligned.
    func floats(_ id: ValueID) throws -> Elements<Float> {
        if case .constant(let constant) = values[id].source { return try constant.floats() }
        return try tensor(id).floats("a constant")
    }

    /// The plain bytes of a constant of the model where they lie, aligned or not; nil if it has none, or no fixed place.
    func bytesInFile(_ id: ValueID) throws -> TensorBytes? {
        guard case .constant(let constant) = values[id].source, !constant.isSparse, case .plain(let bytes) = constant.tensor.encoding, bytes.hasAddress
        else { return nil }
        try constant.tensor.checkEncoding()
        return bytes
    }

    /// Lets the pages of a constant's file leave memory: what was made of it is used from now on. A few pages are not worth a call.
    func release(_ id: ValueID) {
        guard case .constant(let constant) = values[id].source, case .plain(let bytes) = constant.tensor.encoding, bytes.count >= Self.releasedBytes
        else { return }
        bytes.release(0..<bytes.count)
    }

    private static let releasedBytes = 1 << 18
}

extension Constant {
    /// Its numbers, in place where they lie aligned.
    func floats() throws -> Elements<Float> {
        // Not through `value`, which keeps an aligned copy of what is not.
        if !isSparse { return try tensor.floats("a constant") }
        guard let tensor = try value.tensor else { throw ModelError(.internalFault, "a constant that is no tensor") }
        return try tensor.floats("a constant")
    }

    /// The same for a kernel that takes floats from any address and looks at them once, in pieces of whole `unit`s of elements but the last, in their
    /// order. What lies in a file is read piece by piece.
    func forEachPiece(unit: Int, _ buffers: PackBuffers, _ body: (UnsafeRawPointer, Range<Int>) throws -> Void) throws {
        let type = tensor.elementType
        guard !isSparse, case .plain(let bytes) = tensor.encoding, type == .float || type == .float16 || type == .bfloat16, let count = tensor.elementCount
        else {
            let numbers = try floats()
            // Memory has a base even if there is nothing in it.
            return try unsafe numbers.withUnsafeBuffer { try unsafe body(UnsafeRawPointer($0.baseAddress!), 0..<numbers.count) }
        }
        try tensor.checkEncoding()
        // What has to be decoded is best decoded at once.
        let width = type.storageWidth, piece = bytes.hasAddress ? max(1, PackBuffers.pieceFloats / unit) * unit : count
        var start = 0
        while start < count {
            let range = start..<min(count, start + (type == .float && !bytes.isMapped ? count : piece))
            try unsafe buffers.withFloats(range.lowerBound * width..<range.upperBound * width, of: bytes, type) { unsafe try body($0, range) }
            start = range.upperBound
        }
    }
}
