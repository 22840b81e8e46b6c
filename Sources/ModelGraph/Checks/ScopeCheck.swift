internal import Tensors

/// Names of values and the order of computation (ONNX IR specification, "Names Within a Graph" and "Nodes"): every value is
/// written once, everything read is written by someone, nothing depends on itself. Subgraphs see the values around them, and
/// what they read counts as read by the node that holds them.
///
/// Each name is looked up in one table for the whole model. On leaving a graph its definitions are taken back, so the table
/// always says what is in scope. Linear in the number of inputs and outputs of all nodes.
struct ScopeCheck: FindingVisitor {
    var findings: FindingList
    private let model: Model
    private var ids: [Name: Int32] = [:]
    private var definitions: [Definition] = []
    private var frames: [Frame] = []

    init(_ model: Model, _ findings: FindingList) {
        self.model = model
        self.findings = findings
        ids.reserveCapacity(model.graph.nodes.count + model.graph.initializers.count)
    }

    /// Who gives a value its content.
    private struct Definition {
        static let input: Int32 = -1, initializer: Int32 = -2
        /// Index into `frames`, -1 if the name is not in scope.
        var level: Int32
        /// Index of the node, or one of the above.
        var definer: Int32
    }

    private struct Frame {
        var undo: [(id: Int32, old: Definition)] = []
        var node: Int32 = -1
        var order = NodeOrder()
    }

    // MARK: Graphs

    mutating func enter(_ graph: Graph, at place: Place) {
        if frames.isEmpty, case .trainingInfo? = place.steps.first { openModelScope() }
        frames.append(Frame())
        var listed = 0, unlisted: Name?
        for input in graph.inputs { define(input.name, Definition.input, at: place, "input") }
        let names = graph.initializers.map(\.name) + graph.sparseInitializers.map { $0.values?.name }
        for name in names {
            let wasInput = define(name, Definition.initializer, at: place, "initializer")
            if !wasInput, let name, !name.isEmpty { listed += 1; unlisted = unlisted ?? name }
        }
        if let unlisted, let version = model.irVersion, version <= 3, place.steps.count == 1 {
            findings.warn(place, "\(counted(listed, "initializer")) (first: '\(unlisted)') not listed as input, which IR \(version) wants and IR 4 does not; kept as it is")
        }
        defineOutputs(of: graph.nodes, at: place)
    }

    mutating func leave(_ graph: Graph, at place: Place) {
        for output in graph.outputs {
            guard let name = output.name, !name.isEmpty else { continue }
            checkOutput(name, at: place, "graph output")
        }
        checkOrder(of: graph.nodes, at: place)
        closeFrame()
        if frames.count == 1, case .trainingInfo? = place.steps.first { closeFrame() }
    }

    mutating func enter(_ function: Function, at place: Place) {
        frames.append(Frame())
        for input in function.inputs { define(input, Definition.input, at: place, "input") }
        defineOutputs(of: function.nodes, at: place)
    }

    mutating func leave(_ function: Function, at place: Place) {
        for output in function.outputs { checkOutput(output, at: place, "function output") }
        checkOrder(of: function.nodes, at: place)
        closeFrame()
    }

    /// A training graph sees the values of the model's own graph.
    private mutating func openModelScope() {
        frames.append(Frame())
        let graph = model.graph
        let names = graph.inputs.map(\.name) + graph.initializers.map(\.name) + graph.sparseInitializers.map { $0.values?.name }
            + graph.nodes.flatMap { $0.outputs.map(Optional.some) }
        for case let name? in names where !name.isEmpty { set(id(of: name), Definition(level: 0, definer: Definition.input)) }
    }

    private mutating func closeFrame() {
        guard let frame = frames.popLast() else { return }
        for (id, old) in frame.undo.reversed() { definitions[Int(id)] = old }
    }

    // MARK: Definitions

    private mutating func id(of name: Name) -> Int32 {
        // Reading through a reference inserts the default: one look-up instead of two.
        func value(_ stored: inout Int32) -> Int32 { stored }
        let next = Int32(definitions.count), id = value(&ids[name, default: next])
        if id == next { definitions.append(Definition(level: -1, definer: 0)) }
        return id
    }

    private mutating func set(_ id: Int32, _ definition: Definition) {
        frames[frames.count - 1].undo.append((id, definitions[Int(id)]))
        definitions[Int(id)] = definition
    }

    /// True if the name was an input of this graph before.
    @discardableResult
    private mutating func define(_ name: Name?, _ kind: Int32, at place: Place, _ role: String) -> Bool {
        guard let name, !name.isEmpty else { return false }
        let id = id(of: name), old = definitions[Int(id)], level = Int32(frames.count - 1)
        if old.level == level {
            if kind == Definition.initializer, old.definer == Definition.input {
                set(id, Definition(level: level, definer: kind))
                return true
            }
            findings.error(place, "\(role) '\(name)' is there twice, names of values must differ; which one is meant is unclear")
            return false
        }
        checkShadowing(name, by: role, old, at: place)
        set(id, Definition(level: level, definer: kind))
        return false
    }

    private mutating func defineOutputs(of nodes: [Node], at place: Place) {
        let level = Int32(frames.count - 1)
        for (index, node) in nodes.enumerated() {
            guard !findings.isFull else { return }
            for output in node.outputs where !output.isEmpty {
                let id = id(of: output), old = definitions[Int(id)]
                if old.level == level {
                    let other = old.definer == Definition.input ? "an input" : old.definer == Definition.initializer
                        ? "an initializer" : "an output of \(nodes[Int(old.definer)].label)"
                    findings.error(place.appending(node), "writes '\(output)', which is \(other) already; a value is written once")
                    continue
                }
                checkShadowing(output, by: "output", old, at: place.appending(node))
                set(id, Definition(level: level, definer: Int32(index)))
            }
        }
    }

    /// Names of outer values that the holding node can see are taken. Training graphs may take those of the model's graph.
    private mutating func checkShadowing(_ name: Name, by role: @autoclosure () -> String, _ old: Definition, at place: @autoclosure () -> Place) {
        guard old.level >= 0, old.definer < frames[Int(old.level)].node || old.definer < 0 else { return }
        let place = place()
        if old.level == 0, case .trainingInfo? = place.steps.first { return }
        findings.error(place, "\(role()) '\(name)' has the name of a value of a graph around this one; names in a subgraph must differ from those")
    }

    // MARK: Uses

    mutating func enter(_ node: Node, at place: Place) {
        let top = frames.count - 1
        frames[top].node += 1
        guard !findings.isFull else { return }
        for input in node.inputs where !input.isEmpty {
            guard let id = ids[input], definitions[Int(id)].level >= 0 else {
                findings.error(
                    place, "reads '\(input)', which nothing produces: it is no input, no initializer and no output of a node; export the model again")
                continue
            }
            addEdge(of: id)
        }
    }

    /// The node that is looked at, or the one that holds its graph, needs the value.
    private mutating func addEdge(of id: Int32) {
        let definition = definitions[Int(id)], level = Int(definition.level), reader = frames[level].node
        guard definition.definer >= 0, reader >= 0 else { return }
        frames[level].order.add(value: id, from: definition.definer, to: reader)
    }

    private mutating func checkOutput(_ name: Name, at place: Place, _ role: String) {
        if let id = ids[name], definitions[Int(id)].level >= 0 {
            // Some writers let a branch give back a value of the graph around it. It means one thing.
            guard Int(definitions[Int(id)].level) < frames.count - 1, frames.count > 1 else { return }
            addEdge(of: id)
            return
        }
        findings.error(place, "\(role) '\(name)' is never produced: no input, initializer or node gives it; export the model again")
    }

    private mutating func checkOrder(of nodes: [Node], at place: Place) {
        let order = frames[frames.count - 1].order
        guard let late = order.firstBackward else { return }
        if let cycle = order.cycle(nodeCount: nodes.count) {
            let names = cycle.map { edge in
                nodes[Int(edge.from)].outputs.first { ids[$0] == edge.value } ?? ""
            }
            if cycle.count == 1 {
                findings.error(place.appending(nodes[Int(cycle[0].from)]), "reads its own output '\(names[0])'; no value can depend on itself")
            } else {
                let shown = names.prefix(8).map { "'\($0)'" }.joined(separator: ", ") + (names.count > 8 ? ", … (\(names.count) values)" : "")
                findings.error(place, "cycle through \(shown): no order of the nodes can compute them; export the model again")
            }
        } else {
            let value = nodes[Int(late.from)].outputs.first { ids[$0] == late.value } ?? ""
            findings.warn(
                place, "nodes are not in topological order (\(nodes[Int(late.to)].label) reads '\(value)' before it is written), "
                    + "which the specification wants; their order is kept")
        }
    }
}
