internal import ModelGraph
internal import Operators
internal import Tensors

/// One thing that a program does. All sizes are settled; only addresses come with the run.
protocol Step: Sendable {
    func run(_ run: ProgramRun) throws
    /// As it runs, made when all nodes were seen: until then those that follow may change it.
    func finished(_ compiler: Compiler) throws -> any Step
    /// Itself, if it can be one. Said by the protocol: to ask a type whether it conforms takes long the first time.
    var epilogueHost: (any EpilogueHost)? { get }
    var pixelWriter: (any PixelWriter)? { get }
    /// That it asks a run for the address of.
    var packedWeights: PackedWeights? { get }
}

/// A step that multiplies with weights of the model.
protocol WeightedStep: Step {
    var weights: PackedWeights { get }
}

extension Step {
    func finished(_ compiler: Compiler) throws -> any Step { self }
    var epilogueHost: (any EpilogueHost)? { nil }
    var pixelWriter: (any PixelWriter)? { nil }
    var packedWeights: PackedWeights? { nil }
}

extension WeightedStep {
    var packedWeights: PackedWeights? { weights }
}

extension EpilogueHost {
    var epilogueHost: (any EpilogueHost)? { self }
}

extension PixelWriter {
    var pixelWriter: (any PixelWriter)? { self }
}

/// A step in its place.
struct PlacedStep: Sendable {
    let step: any Step
    /// The nodes whose work it does, the first to name it.
    let nodes: [Plan.Step]
    /// Buffers that get memory of their own before it runs.
    let makes: [BufferID]
    /// Values that nobody needs after it.
    let releases: [BufferID]
    /// Where in the arena its weights are made for it alone, and behind them what they are made of; nil where they are kept.
    let passing: Range<Int>?
}

/// A node run by its operator's general kernel: any element type, any shape, shapes known only when it has run.
struct GenericStep: Step {
    /// A subgraph with where its captures come from, in the order of its plan's.
    struct Subgraph: Sendable {
        let plan: Plan
        let captures: [Operand]
    }

    enum Operand: Sendable {
        case none
        case buffer(BufferID)
        case constant(Constant)
    }

    let node: Node
    let opset: Int
    let kernel: any Runnable.Type
    let operands: [Operand]
    let outputs: [BufferID?]
    let subgraphs: [Name: Subgraph]

    func run(_ run: ProgramRun) throws {
        try within(node.label) {
            let environment: any RunEnvironment = subgraphs.isEmpty ? run.run : GenericEnvironment(run, subgraphs)
            let results = try kernel.run(Call(node: node, opset: opset, inputs: operands.map(run.value), environment: environment))
            for (index, output) in outputs.enumerated() {
                guard let output else { continue }
                guard index < results.count, let value = results[index] else {
                    throw ModelError(.unsupported, "makes no output \(index), which is asked for")
                }
                try run.give(value, to: output)
            }
        }
    }
}

/// What a node with subgraphs sees. The values of the program around it do not change while the node runs.
private final class GenericEnvironment: RunEnvironment, @unchecked Sendable {
    private let outer: ProgramRun
    private let subgraphs: [Name: GenericStep.Subgraph]
    var threads: Int { outer.run.threads }

    init(_ outer: ProgramRun, _ subgraphs: [Name: GenericStep.Subgraph]) {
        self.outer = outer
        self.subgraphs = subgraphs
    }

    func run(_ name: Name, inputs: [Value]) throws -> [Value] {
        guard let subgraph = subgraphs[name] else { throw ModelError(.invalidGraph, "attribute '\(name)' is missing") }
        return try within("graph '\(name)'") {
            try subgraph.plan.checkCount(inputs.count)
            return try subgraph.plan.execute(inputs: inputs, captured: subgraph.captures.map(outer.value), run: outer.run)
        }
    }

    func countTrip() throws { try outer.run.countTrip() }
    func nextRandom() -> UInt64 { outer.run.nextRandom() }
    func checkAllocation(_ byteCount: Int) throws { try outer.run.checkAllocation(byteCount) }
}
