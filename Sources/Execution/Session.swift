public import ModelGraph
public import Tensors

/// Runs a model: planned once, run many times, from any number of threads at once.
///
///     let session = try Session(model)
///     let outputs = try session.run(["x": .tensor(input)])
///
/// Weights are used where they lie or packed once for their kernels; encoded ones stay codes in the packs of products, and are decoded elsewhere when a
/// node reads them.
public final class Session: Sendable {
    public struct Options: Sendable {
        /// Threads that one run may use.
        public var threads: Int
        /// Trips that all loops of one run may make together; calls of the model's functions count too.
        public var maximumTrips: Int
        /// The largest tensor that a run may make, in bytes.
        public var maximumTensorBytes: Int
        /// Seed of random operators that have none of their own: equal seeds, equal results.
        public var seed: UInt64
        /// The session is for one run: with one thread, and with more if they are of 8 bits, many weights are made ready for one step after the other, in
        /// memory of values that are not there then. That is quicker than to keep them and takes less memory. More runs are right, too, but make them ready
        /// again each time.
        public var runsOnce: Bool
        package var execution = Execution.automatic

        public init(threads: Int = processorCount, maximumTrips: Int = 10_000_000, maximumTensorBytes: Int = 1 << 34, seed: UInt64 = 0, runsOnce: Bool = false) {
            self.threads = threads
            self.maximumTrips = maximumTrips
            self.maximumTensorBytes = maximumTensorBytes
            self.seed = seed
            self.runsOnce = runsOnce
        }
    }

    /// How nodes are run.
    package enum Execution: Sendable {
        /// As programs with fast kernels; node by node where a graph does not suit them.
        case automatic
        /// As programs, and a fault if one turns out wrong: for tests.
        case programs
        /// Node by node: for tests, and for who wants to see every value.
        case nodes
    }

    let plan: Plan
    private let options: Options
    let resources: SessionResources

    /// Fails with `.unsupported` naming every operator that cannot be run, before anything runs.
    public init(_ model: Model, options: Options = Options()) throws {
        self.options = options
        resources = SessionResources(threads: options.threads, weights: Self.byteCount(model.graph.initializers))
        plan = try Planner.plan(model, maximumTensorBytes: options.maximumTensorBytes)
        // Functions that call functions twice and twice again: a few kilobytes of model stand for more calls than anyone can wait for.
        guard plan.functionCalls <= options.maximumTrips else {
            throw ModelError(
                .limit, "its local functions call each other more than \(options.maximumTrips) times in a run, the limit of trips (--max-trips)")
        }
    }

    /// Of all weights, about.
    private static func byteCount(_ tensors: [Tensor]) -> Int {
        var sum = 0
        // Each of them where it is: tensors have many parts to copy.
        for index in tensors.indices { sum &+= (tensors[index].elementCount ?? 0) &* tensors[index].elementType.storageWidth }
        return sum
    }

    /// Inputs that a run must give, in the model's order.
    public var inputs: [ValueInfo] { plan.inputs.filter { $0.standard == nil }.map(\.info) }
    /// Inputs that a run may give; otherwise their initializer is taken.
    public var optionalInputs: [ValueInfo] { plan.inputs.filter { $0.standard != nil }.map(\.info) }
    public var outputNames: [Name] { plan.outputNames }

    /// Runs the model once. The values come in the order of `outputNames`. `observer` sees every node of the main graph.
    public func run(_ inputs: [Name: Value], observer: (any RunObserver)? = nil) throws -> [Value] {
        let values = try checked(inputs), run = Run(options, resources)
        guard let observer else { return try plan.execute(inputs: values, run: run) }
        let results = try Frame(plan, inputs: values, run: run).execute(observer: observer)
        return try results.enumerated().map { index, value in
            guard let value else { throw ModelError(.invalidGraph, "output '\(outputNames[index])' has no value") }
            return value
        }
    }

    /// Runs the model once as it runs unwatched. `timer` gets the nodes that each step did together (none: a change of layout or
    /// element type) and its seconds; nodes within graphs in attributes count with the node that has them.
    public func profile(_ inputs: [Name: Value], _ timer: (_ nodes: [Node], _ seconds: Double) -> Void) throws {
        let values = try checked(inputs), run = Run(options, resources)
        try withoutActuallyEscaping(timer) { timer in _ = try plan.execute(inputs: values, run: run, observer: timer) }
    }

    /// Values of all inputs in the plan's order; nil where the standard value is taken.
    private func checked(_ inputs: [Name: Value]) throws -> [Value?] {
        let values = try plan.inputs.map { input -> Value? in
            guard let value = inputs[input.name] else {
                if input.standard == nil { throw missing(input) }
                return nil
            }
            try within("input '\(input.name)'") { try input.check(value) }
            return try value.readyToRun()
        }
        for name in inputs.keys.sorted() where !plan.inputs.contains(where: { $0.name == name }) { throw unknown(name) }
        return values
    }

    /// The same with the inputs in the model's order; there may be fewer where those behind have initializers.
    public func run(_ inputs: [Value]) throws -> [Value] {
        guard inputs.count <= plan.inputs.count else {
            throw ModelError(.badArgument, "\(inputs.count) inputs are given, the model has \(plan.inputs.count)")
        }
        return try run(Dictionary(uniqueKeysWithValues: zip(plan.inputs.map(\.name), inputs)))
    }

    private func missing(_ input: Plan.Input) -> ModelError {
        ModelError(.badArgument, "input '\(input.name)' (\(input.info.type?.description ?? "of unknown type")) is missing; give it a value")
    }

    private func unknown(_ name: Name) -> ModelError {
        let known = plan.inputs.map(\.name)
        guard let nearest = name.nearest(in: known) else {
            return ModelError(.badArgument, "the model has no input '\(name)'; it has none at all")
        }
        let list = known.prefix(20).map { "'\($0)'" }.joined(separator: ", ") + (known.count > 20 ? ", …" : "")
        return ModelError(.badArgument, "the model has no input '\(name)'; did you mean '\(nearest)'? It has \(list)")
    }
}

/// Somebody who wants to know what each node made and how long it took.
public protocol RunObserver: AnyObject, Sendable {
    /// Called after a node of the main graph; outputs that it left out are nil.
    func ran(_ node: Node, outputs: [Value?], seconds: Double)
}

extension Name {
    /// The one that is reached with the fewest changed, added or left out bytes; nil if there is none.
    func nearest(in names: [Name]) -> Name? {
        names.prefix(1000).min { distance(to: $0) < distance(to: $1) }
    }

    /// Levenshtein's distance of the first 100 bytes.
    private func distance(to other: Name) -> Int {
        let a = bytes.prefix(100), b = Array(other.bytes.prefix(100))
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let next = min(row[j] + 1, row[j + 1] + 1, diagonal + (x == y ? 0 : 1))
                diagonal = row[j + 1]
                row[j + 1] = next
            }
        }
        return row[b.count]
    }
}
