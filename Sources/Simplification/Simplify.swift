public import ModelGraph
internal import Operators
internal import Tensors
#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// A model that computes the same with fewer nodes and bytes, and what was done to it.
///
/// Weights are not copied unless they change. Inputs, outputs, operator sets and metadata stay; training graphs are left alone, and what they name stays.
/// Throws for a model with errors (see `checkModel`), one with a node that could never run, a name that no pass has, and an operator set that it cannot have.
public func simplify(_ model: Model, options: SimplificationOptions = .init()) throws -> (model: Model, report: SimplificationReport) {
    try simplify(model, options: options, passes: Passes.rounds)
}

/// With other passes than those of `Passes`; for tests of the runner.
func simplify(_ model: Model, options: SimplificationOptions, passes: [any GraphPass.Type]) throws -> (model: Model, report: SimplificationReport) {
    let start = monotonicSeconds()
    try refuseErrors(of: model)
    let source = model, model = try options.opset.map { try OpsetConversion.raise(source, to: $0).model } ?? source
    var runner = try PassRunner(options, passes), result = try simplified(model, &runner)
    if !model.functions.isEmpty, runner.isWanted(InlineFunctions.name) {
        // Once with the functions inlined, once without: which is smaller shows in the end.
        var other = try PassRunner(options, passes), inlined = model
        try other.run(InlineFunctions.self, &inlined)
        let whole = try simplified(inlined, &other)
        if (whole.nodeCount, whole.functions.count) <= (result.nodeCount, result.functions.count) { (runner, result) = (other, whole) }
    }
    try within("after simplification") { try refuseErrors(of: result) }
    let report = SimplificationReport(
        passes: runner.reports, nodesBefore: source.nodeCount, nodesAfter: result.nodeCount, rounds: runner.rounds, isSettled: runner.isSettled,
        seconds: monotonicSeconds() - start)
    return (result, report)
}

/// Names of all passes with one line on each, in the order in which they run.
public var simplificationPasses: [(name: String, summary: String)] { Passes.all.map { ($0.name, $0.summary) } }

private func simplified(_ model: Model, _ runner: inout PassRunner) throws -> Model {
    var result = model
    let functions = Set(model.functions.map(FunctionKey.init))
    let version = model.irVersion ?? 0
    let setting = GraphEditor.Setting(
        opsets: Domain.versions(model.opsetImports), irVersion: version, functions: functions, freezesDefaults: runner.freezesDefaults)
    let editor = Loader.load(model.graph, setting, pinned: model.namesKnownToTraining)
    try runner.run(editor) { graph in
        var whole = result
        whole.graph = graph
        try refuseErrors(of: whole)
    }
    result.graph = try editor.rebuilt()
    for index in result.functions.indices {
        let function = result.functions[index]
        try within(function.place.description) {
            let imports = function.opsetImports.isEmpty ? model.opsetImports : function.opsetImports
            let inner = GraphEditor.Setting(opsets: Domain.versions(imports), irVersion: version, functions: functions, isFunction: true)
            let editor = Loader.load(function.body, inner, pinned: [])
            try runner.run(editor) { body in
                var whole = result
                whole.functions[index].nodes = body.nodes
                try refuseErrors(of: whole)
            }
            let body = try editor.rebuilt()
            (result.functions[index].nodes, result.functions[index].valueInfos) = (body.nodes, body.valueInfos)
        }
    }
    if model.trainingInfo.isEmpty, runner.isWanted(RemoveDeadCode.name) {
        let called = result.calledFunctions()
        result.functions.removeAll { !called.contains(FunctionKey($0)) }
    }
    return result
}

private func refuseErrors(of model: Model) throws {
    let errors = checkModel(model).filter { $0.severity == .error }
    guard let first = errors.first else { return }
    throw ModelError(.invalidGraph, first.message + (errors.count > 1 ? " (and \(errors.count - 1) more)" : ""), at: first.place)
}

extension Function {
    /// The body as a graph without types.
    var body: Graph {
        Graph(
            nodes: nodes, inputs: inputs.map { ValueInfo(name: $0, type: nil) }, outputs: outputs.map { ValueInfo(name: $0, type: nil) }, valueInfos: valueInfos)
    }
}

extension Model {
    /// Names that training graphs and their bindings use: values of the main graph among them must stay as they are.
    fileprivate var namesKnownToTraining: Set<Name> {
        var names: Set<Name> = []
        for info in trainingInfo {
            for binding in info.initializationBinding + info.updateBinding { names.formUnion([binding.key, binding.value].compactMap(\.self)) }
            var pending = [info.initialization, info.algorithm].compactMap(\.self)
            while let graph = pending.popLast() {
                names.formUnion(graph.outputs.compactMap(\.name))
                for node in graph.nodes {
                    names.formUnion(node.inputs)
                    for case .graph(let inner) in node.attributes.map(\.value) { pending.append(inner) }
                }
            }
        }
        return names
    }
}

private func monotonicSeconds() -> Double {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
}
