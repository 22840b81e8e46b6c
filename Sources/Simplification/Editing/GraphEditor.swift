internal import ModelGraph
internal import Operators
internal import Tensors

/// One graph with all graphs nested in it, or the body of a function, in a form that is quick to change: values are numbers that know
/// who makes and who reads them, so a capture by a subgraph is a use like any other, and renaming is free.
///
/// `Loader` makes it of a graph, `rebuilt` gives the graph back. Between the two, every change keeps uses and makers in step.
final class GraphEditor {
    /// What does not change while passes run.
    struct Setting {
        /// Versions by canonical domain.
        let opsets: [Name: Int64]
        let irVersion: Int64
        /// The bodies that nodes can call.
        let functions: Set<FunctionKey>
        /// Initializers that callers may replace are taken for constants, and are inputs no more.
        var freezesDefaults = false
        /// Functions cannot have initializers.
        var isFunction = false
    }

    let setting: Setting
    var values: [EditedValue] = []
    var nodes: [EditedNode] = []
    var graphs: [EditedGraph] = []
    /// What inference knows, by value; nil until it has looked.
    var facts: [Fact?] = []
    /// Nodes by kind, dead ones among them.
    private var byKind: [OperatorKind: [NodeID]] = [:]
    /// How many values have a name, anywhere in the graphs.
    private var nameCounts: [Name: Int] = [:]
    private var freshNames = 0
    /// Names of values that runtimes outside may look up: quantization annotations of the graphs.
    var annotated: Set<ValueID> = []
    /// Grows with every change.
    private(set) var changeCount = 0
    /// Nodes whose inputs, outputs or attributes changed since the last check.
    var touched: [NodeID] = []
    /// Names that more than one value had at some time: only they can clash.
    private(set) var sharedNames: Set<Name> = []
    /// Clashes with names of graphs around that were there in the source, where they mean one thing.
    var knownClashes: Set<Name> = []

    init(_ setting: Setting) { self.setting = setting }

    var root: GraphID { 0 }
    /// Version of the default operator set.
    var opset: Int { Int(setting.opsets[""] ?? 1) }
    var nodeCount: Int { nodes.reduce(0) { $0 + ($1.isAlive ? 1 : 0) } }

    func noteChange() { changeCount += 1 }

    func noteChange(of node: NodeID) {
        changeCount += 1
        touched.append(node)
    }

    /// The living nodes of these kinds, in the order in which they came to be.
    func nodes(of kinds: OperatorKind...) -> [NodeID] {
        var result: [NodeID] = []
        for kind in kinds { result += (byKind[kind] ?? []).filter { nodes[$0].isAlive } }
        return kinds.count > 1 ? result.sorted() : result
    }

    func index(_ node: NodeID) { if nodes[node].kind != .other { byKind[nodes[node].kind, default: []].append(node) } }

    // MARK: values

    func addValue(_ name: Name, in graph: GraphID) -> ValueID {
        values.append(EditedValue(name: name, graph: graph))
        facts.append(nil)
        count(name)
        return values.count - 1
    }

    func count(of name: Name) -> Int { nameCounts[name] ?? 0 }

    private func count(_ name: Name) {
        func raise(_ count: inout Int) -> Int {
            count += 1
            return count
        }
        if raise(&nameCounts[name, default: 0]) > 1 { sharedNames.insert(name) }
    }

    func rename(_ value: ValueID, _ name: Name) {
        nameCounts[values[value].name, default: 1] -= 1
        values[value].name = name
        count(name)
    }

    /// A short name that no value has.
    func freshName() -> Name {
        while true {
            let name = Name("s\(freshNames)")
            freshNames += 1
            if count(of: name) == 0 { return name }
        }
    }

    /// The tensor that a value is in every run; nil for sparse constants, whose users read them as they are.
    func constant(_ value: ValueID) -> Tensor? {
        guard value >= 0, let stored = values[value].constant, !stored.isDefault, !values[value].isPinned, case .tensor(let tensor) = stored.content else {
            return nil
        }
        return tensor
    }

    func isConstant(_ value: ValueID) -> Bool { constant(value) != nil }

    /// A new constant of `graph`.
    func addConstant(_ tensor: Tensor, in graph: GraphID) -> ValueID {
        let value = addValue(freshName(), in: graph)
        makeConstant(value, tensor)
        return value
    }

    /// Makes `value` a constant of its graph; its maker, if any, must have been detached.
    func makeConstant(_ value: ValueID, _ tensor: Tensor) {
        values[value].maker = -1
        values[value].constant = StoredConstant(.tensor(Tensor(tensor.elementType, dims: tensor.dims, encoding: tensor.encoding)))
        graphs[values[value].graph].constants.append(value)
        facts[value] = Fact(constant: tensor)
        noteChange()
    }

    /// The living node that makes a value; nil for inputs and constants.
    func maker(_ value: ValueID) -> NodeID? {
        guard value >= 0, values[value].maker >= 0 else { return nil }
        return values[value].maker
    }

    /// The node that makes a value if it is of `kind` and this is its first output.
    func maker(_ value: ValueID, _ kind: OperatorKind) -> NodeID? {
        guard let node = maker(value), nodes[node].kind == kind, nodes[node].outputs.first == value else { return nil }
        return node
    }

    func isOutput(_ value: ValueID) -> Bool { values[value].users.outputCount > 0 }

    /// The only node that reads a value, once, in the value's own graph; nil if there are others or it is an output of a graph.
    func onlyUser(_ value: ValueID) -> NodeID? {
        guard values[value].users.count == 1, let use = values[value].users.first, use.node >= 0, !values[value].isPinned,
            nodes[use.node].graph == values[value].graph
        else { return nil }
        return use.node
    }

    /// True if `value` is read at exactly one place.
    func hasOneUse(_ value: ValueID) -> Bool { values[value].users.count == 1 && !values[value].isPinned }

    // MARK: uses

    func addUse(_ value: ValueID, _ use: Use) { if value >= 0 { values[value].users.add(use) } }

    func removeUse(_ value: ValueID, _ use: Use) {
        if value >= 0 { values[value].users.remove(use) }
    }

    func setInput(_ node: NodeID, _ index: Int, _ value: ValueID) {
        let old = nodes[node].inputs[index], use = Use(node: node, index: index)
        guard old != value else { return }
        removeUse(old, use)
        nodes[node].inputs[index] = value
        addUse(value, use)
        noteChange(of: node)
    }

    /// Other inputs for a node; trailing omitted ones go.
    func setInputs(_ node: NodeID, _ inputs: [ValueID]) {
        for (index, value) in nodes[node].inputs.enumerated() { removeUse(value, Use(node: node, index: index)) }
        var inputs = inputs
        while inputs.last == -1 { inputs.removeLast() }
        nodes[node].inputs = inputs
        for (index, value) in inputs.enumerated() { addUse(value, Use(node: node, index: index)) }
        noteChange(of: node)
    }

    /// True if everything that reads `old` can read `new` instead. Names of the outermost graph's outputs are promises, and an output of a
    /// graph must be made by a node of that graph: runtimes refuse captured values there, and some refuse inputs.
    func canReplace(_ old: ValueID, with new: ValueID) -> Bool {
        guard old != new, !values[old].isPinned else { return false }
        guard isOutput(old) else { return true }
        return values[new].graph == values[old].graph && values[new].maker >= 0 && !isOutput(new) && !values[new].isPinned
    }

    /// Lets everything that reads `old` read `new`, which `canReplace` allowed and which holds the same tensor.
    func replace(_ old: ValueID, with new: ValueID) {
        if isOutput(old), values[old].graph == root {
            let name = values[old].name
            rename(old, values[new].name)
            rename(new, name)
        }
        let users = values[old].users
        values[old].users = UserList()
        for use in users {
            if use.node >= 0 {
                nodes[use.node].inputs[use.index] = new
                touched.append(use.node)
            } else {
                graphs[use.graph].outputs[use.index] = new
            }
            values[new].users.add(use)
        }
        noteChange()
    }

    // MARK: nodes

    /// A new node in `graph` that makes new values, ordered as `near` is.
    @discardableResult
    func addNode(
        _ kind: OperatorKind, _ inputs: [ValueID], _ attributes: [Attribute] = [], outputs: Int = 1, in graph: GraphID, near: NodeID
    ) -> NodeID {
        let id = nodes.count
        let outputs = (0..<outputs).map { _ in addValue(freshName(), in: graph) }
        nodes.append(
            EditedNode(
                node: Node(kind.name, attributes: attributes), inputs: [], outputs: outputs, graph: graph, kind: kind, domain: "", opset: opset,
                position: nodes[near].position))
        for output in outputs { values[output].maker = id }
        graphs[graph].nodes.append(id)
        index(id)
        setInputs(id, inputs)
        infer(id)
        return id
    }

    /// Puts a new node in the place of `node`, whose only used output it makes from now on. The node's name and notes go over.
    @discardableResult
    func rewrite(_ node: NodeID, as kind: OperatorKind, _ inputs: [ValueID], _ attributes: [Attribute] = []) -> NodeID {
        let old = nodes[node], output = old.outputs[0]
        let id = addNode(kind, inputs, attributes, outputs: 0, in: old.graph, near: node)
        nodes[id].node.name = old.node.name
        nodes[id].node.docString = old.node.docString
        nodes[id].node.metadata = old.node.metadata
        nodes[id].outputs = [output]
        values[output].maker = id
        nodes[node].outputs = nodes[node].outputs.map { $0 == output ? -1 : $0 }
        remove(node)
        if facts[output] == nil { infer(id) }
        return id
    }

    /// Lets `node` make `value` as its output `index`, whatever made it before.
    func setOutput(_ node: NodeID, _ index: Int, _ value: ValueID) {
        if let old = maker(value) { nodes[old].outputs = nodes[old].outputs.map { $0 == value ? -1 : $0 } }
        nodes[node].outputs[index] = value
        values[value].maker = node
        noteChange(of: node)
    }

    /// Takes out a node that nobody needs, with the graphs in it. What it alone read becomes unused.
    func remove(_ node: NodeID) {
        guard nodes[node].isAlive else { return }
        nodes[node].isAlive = false
        for (index, value) in nodes[node].inputs.enumerated() { removeUse(value, Use(node: node, index: index)) }
        for output in nodes[node].outputs where output >= 0 && values[output].maker == node { forget(output) }
        for subgraph in nodes[node].subgraphs { remove(graph: subgraph.graph) }
        noteChange()
    }

    private func remove(graph: GraphID) {
        guard graphs[graph].isAlive else { return }
        graphs[graph].isAlive = false
        for (index, value) in graphs[graph].outputs.enumerated() { removeUse(value, Use(node: -1, graph: graph, index: index)) }
        for node in graphs[graph].nodes { remove(node) }
        for value in graphs[graph].constants + graphs[graph].inputs where values[value].graph == graph { forget(value) }
    }

    /// A value that nobody makes or reads any more; its name is free.
    func forget(_ value: ValueID) {
        nameCounts[values[value].name, default: 1] -= 1
        values[value].maker = -1
        values[value].constant = nil
        facts[value] = nil
    }

    // MARK: places

    /// True if `inner` is `outer` or nested in it.
    func isWithin(_ inner: GraphID, _ outer: GraphID) -> Bool { lifted(inner, to: outer) != nil }

    /// The node of `outer` that holds `graph`, directly or not; -1 if `graph` is `outer`, nil if it lies elsewhere.
    func lifted(_ graph: GraphID, to outer: GraphID) -> NodeID? {
        var graph = graph, node = -1
        while graph != outer {
            node = graphs[graph].owner
            guard node >= 0 else { return nil }
            graph = nodes[node].graph
        }
        return node
    }

    /// The innermost graph that both lie in.
    func commonGraph(_ a: GraphID, _ b: GraphID) -> GraphID {
        var (a, b) = (a, b)
        while graphs[a].depth > graphs[b].depth { a = nodes[graphs[a].owner].graph }
        while graphs[b].depth > graphs[a].depth { b = nodes[graphs[b].owner].graph }
        while a != b { (a, b) = (nodes[graphs[a].owner].graph, nodes[graphs[b].owner].graph) }
        return a
    }
}
