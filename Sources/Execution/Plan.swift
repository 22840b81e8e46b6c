internal import ModelGraph
internal import Operators
internal import Tensors

/// What to do for one graph or function body: its nodes in an order that can be done, its values as numbered slots.
final class Plan: Sendable {
    /// Where a node finds a value.
    enum Operand: Sendable {
        /// Left out.
        case none
        case slot(Int)
        case constant(Constant)
    }

    enum Action: Sendable {
        case kernel(Operation)
        case function(Plan)
    }

    /// A class, since what has many parts takes long to copy.
    final class Step: Sendable {
        let node: Node
        let opset: Int
        let action: Action
        let operands: [Operand]
        /// Slots; nil for outputs that have no name.
        let outputs: [Int?]
        /// Graphs in attributes, by the attribute's name.
        let subgraphs: [Name: Plan]

        init(node: Node, opset: Int, action: Action, operands: [Operand], outputs: [Int?], subgraphs: [Name: Plan]) {
            self.node = node
            self.opset = opset
            self.action = action
            self.operands = operands
            self.outputs = outputs
            self.subgraphs = subgraphs
        }

        /// Slots that it or one of its subgraphs reads.
        var reads: [Int] {
            var slots: [Int] = []
            for operand in operands { if case .slot(let slot) = operand { slots.append(slot) } }
            for plan in subgraphs.values { slots += plan.captures.map(\.outer) }
            return slots
        }
    }

    struct Input: Sendable {
        let name: Name
        let info: ValueInfo
        let slot: Int
        /// Its value where none is given.
        let standard: Constant?
    }

    /// A value of the graph around this one, copied to a slot of this one when it starts.
    struct Capture: Sendable {
        let outer: Int
        let inner: Int
    }

    let inputs: [Input]
    let outputs: [Operand]
    let outputNames: [Name]
    let captures: [Capture]
    let steps: [Step]
    let slotCount: Int
    /// Of the model's graph itself, rather than of a graph in an attribute or a function.
    let isMain: Bool
    /// Calls of the model's functions that every run makes, those within functions included; `Int.max` where that is more than fits.
    /// Graphs in attributes are left out: whether they run is known then.
    let functionCalls: Int
    let programs = ProgramCache()
    private let lastUses = LastUses()
    /// For each step the slots that nobody reads after it.
    var releases: [[Int]] { lastUses.of(self) }

    init(inputs: [Input], outputs: [Operand], outputNames: [Name], captures: [Capture], steps: [Step], slotCount: Int, isMain: Bool) {
        self.inputs = inputs
        self.outputs = outputs
        self.outputNames = outputNames
        self.captures = captures
        self.steps = steps
        self.slotCount = slotCount
        self.isMain = isMain
        functionCalls = steps.reduce(0) { count, step in
            guard case .function(let body) = step.action else { return count }
            let (sum, overflow) = count.addingReportingOverflow(body.functionCalls == .max ? .max : body.functionCalls + 1)
            return overflow ? .max : sum
        }
    }
}

// MARK: running

extension Plan {
    /// Throws unless a graph in an attribute may be given so many inputs.
    func checkCount(_ count: Int) throws {
        let required = inputs.count { $0.standard == nil }
        guard count <= inputs.count, count >= required else {
            throw ModelError(.invalidGraph, "has \(required) inputs, it is given \(count)")
        }
    }

    /// Values of all outputs, in order. `inputs` and `captured` in the order of the plan's; nil where the standard value is taken.
    func execute(inputs: [Value?], captured: [Value?] = [], run: Run, observer: StepObserver? = nil) throws -> [Value] {
        try optionalOutputs(inputs, captured, run, observer).enumerated().map { index, value in
            guard let value else { throw ModelError(.invalidGraph, "output '\(outputNames[index])' has no value") }
            return value
        }
    }

    private func optionalOutputs(_ inputs: [Value?], _ captured: [Value?], _ run: Run, _ observer: StepObserver?) throws -> [Value?] {
        guard run.execution != .nodes, let program = try program(inputs, captured, run) else {
            return try Frame(self, inputs: inputs, captured: captured, run: run).execute(observer: observer.map(NodeTimer.init))
        }
        do {
            return try program.execute(inputs: inputs, captured: captured, run: run, observer: observer)
        } catch let mismatch as ProgramMismatch {
            guard run.execution == .automatic else {
                throw ModelError(.internalFault, "a node made \(mismatch.found.summary) where \(mismatch.expected) was inferred")
            }
            // Inference was wrong about a node: never trust it again for this graph.
            programs.giveUp()
            return try Frame(self, inputs: inputs, captured: captured, run: run).execute()
        }
    }

    /// The program for such inputs; nil if there is to be none.
    func program(_ inputs: [Value?], _ captured: [Value?], _ run: Run) throws -> Program? {
        var key: [Int] = []
        key.reserveCapacity(8 * (inputs.count + captured.count))
        for index in self.inputs.indices {
            if index < inputs.count, let value = inputs[index] { value.appendKey(to: &key) } else { key.append(-1) }
        }
        for value in captured { if let value { value.appendKey(to: &key) } else { key.append(-1) } }
        let entry = try programs.find(key) {
            let facts = self.inputs.indices.map { index in index < inputs.count ? inputs[index].map(Fact.init(runtime:)) : nil }
            return try Compiler.compile(self, inputs: facts, captures: captured.map { $0.map(Fact.init(runtime:)) ?? .unknown }, run: run)
        }
        if case .program(let program) = entry { return program } else { return nil }
    }
}

/// Tells of nodes that run one by one as of steps.
private final class NodeTimer: RunObserver, @unchecked Sendable {
    private let observer: StepObserver

    init(_ observer: @escaping StepObserver) { self.observer = observer }

    func ran(_ node: Node, outputs: [Value?], seconds: Double) { observer([node], seconds) }
}

extension Fact {
    /// Type and dims of a value that is there, but not its elements: another one may come next time.
    fileprivate init(runtime value: Value) {
        if case .tensor(let tensor) = value { self.init(tensor.elementType, fixed: tensor.dims) } else { self = .unknown }
    }
}
