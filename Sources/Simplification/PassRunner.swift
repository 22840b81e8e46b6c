internal import ModelGraph
internal import Operators
internal import Tensors

/// Runs passes over one model. The model is checked as a whole before the first pass and after the last; in between, after each pass that changed something,
/// and so before the next, all edges and names are checked, and of what it changed everything else (`GraphEditor.check`). A failure names the pass.
struct PassRunner {
    private let options: SimplificationOptions
    private let passes: [any GraphPass.Type]
    private(set) var reports: [SimplificationReport.PassReport] = []
    private var indices: [String: Int] = [:]
    private(set) var rounds = 0
    private(set) var isSettled = true

    /// Throws for a name that no pass has.
    init(_ options: SimplificationOptions, _ passes: [any GraphPass.Type]) throws {
        (self.options, self.passes) = (options, passes)
        let all = Passes.all(Passes.first, passes), known = all.map { $0.name }
        for name in (options.passes ?? []) + options.skipping where !known.contains(name) {
            throw ModelError(.badArgument, "there is no pass '\(printable(name))'; there are \(known.joined(separator: ", "))")
        }
        for pass in all where isWanted(pass.name) {
            indices[pass.name] = reports.count
            reports.append(.init(name: pass.name, summary: pass.summary))
        }
    }

    var freezesDefaults: Bool { options.freezesDefaults }

    func isWanted(_ name: String) -> Bool { options.passes?.contains(name) ?? true && !options.skipping.contains(name) }

    mutating func run(_ pass: any ModelPass.Type, _ model: inout Model) throws {
        guard isWanted(pass.name) else { return }
        var log = PassLog()
        let nodes = model.nodeCount
        try within("pass '\(pass.name)'") { try pass.run(&model, &log) }
        note(pass, log, removed: (nodes - model.nodeCount, 0, 0))
    }

    /// All passes until nothing changes. `checkWhole` looks at the whole model with this graph in it, for tests.
    mutating func run(_ graph: GraphEditor, checkWhole: (Graph) throws -> Void) throws {
        for round in 1...max(1, options.maximumRounds) {
            rounds = max(rounds, round)
            let before = graph.changeCount
            if round == 1 { try graph.inferAll() } else { try within("after round \(round - 1) of the passes") { try graph.inferAll() } }
            for pass in passes where isWanted(pass.name) { try run(pass, graph, checkWhole) }
            if graph.changeCount == before { return }
        }
        isSettled = false
    }

    private mutating func run(_ pass: any GraphPass.Type, _ graph: GraphEditor, _ checkWhole: (Graph) throws -> Void) throws {
        var log = PassLog()
        let changes = graph.changeCount, before = graph.size
        try within("pass '\(pass.name)'") {
            try pass.run(graph, &log)
            guard graph.changeCount != changes else { return }
            try graph.check()
            if options.checksWholeModel { try checkWhole(graph.rebuilt()) }
        }
        guard graph.changeCount != changes else { return note(pass, log, removed: (0, 0, 0)) }
        let after = graph.size
        note(pass, log, removed: (before.nodes - after.nodes, before.constants - after.constants, before.bytes - after.bytes))
    }

    private mutating func note(_ pass: any Pass.Type, _ log: PassLog, removed: (nodes: Int, constants: Int, bytes: Int)) {
        guard let index = indices[pass.name] else { return }
        reports[index].changes += log.count
        reports[index].removedNodes += removed.nodes
        reports[index].removedConstants += removed.constants
        reports[index].removedBytes += removed.bytes
        reports[index].examples += log.shown.prefix(PassLog.shownLimit - reports[index].examples.count)
        for text in log.skipped where reports[index].leftAlone.count < PassLog.shownLimit && !reports[index].leftAlone.contains(text) {
            reports[index].leftAlone.append(text)
        }
    }
}

extension GraphEditor {
    /// Living nodes with those that hold constants, constants, and the bytes of these.
    var size: (nodes: Int, constants: Int, bytes: Int) {
        var result = (nodes: nodeCount, constants: 0, bytes: 0)
        for (id, graph) in graphs.enumerated() where graph.isAlive {
            for value in graph.constants {
                guard values[value].graph == id, let stored = values[value].constant else { continue }
                if stored.node != nil { result.nodes += 1 }
                result.constants += 1
                if case .tensor(let tensor) = stored.content { result.bytes += tensor.foldedByteCount ?? 0 }
            }
        }
        return result
    }
}
