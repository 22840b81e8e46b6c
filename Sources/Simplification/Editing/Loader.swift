internal import ModelGraph
internal import Operators
internal import Tensors

/// Makes a `GraphEditor` of a graph that passed the checks of `ModelGraph`.
///
/// Each name is looked up in one table; on leaving a graph its definitions are taken back. Recurses as deep as graphs are nested, which
/// the checks limit.
struct Loader {
    private let editor: GraphEditor
    /// Names that must stay, as they are known elsewhere.
    private let pinned: Set<Name>
    private var scope: [Name: ValueID] = [:]

    static func load(_ graph: Graph, _ setting: GraphEditor.Setting, pinned: Set<Name>) -> GraphEditor {
        var loader = Loader(editor: GraphEditor(setting), pinned: pinned)
        _ = loader.load(graph, owner: -1, depth: 0)
        // They were looked at before.
        loader.editor.touched = []
        loader.editor.knownClashes = loader.editor.clashes()
        return loader.editor
    }

    private mutating func load(_ graph: Graph, owner: NodeID, depth: Int) -> GraphID {
        let id = editor.graphs.count
        var shell = graph
        (shell.nodes, shell.inputs, shell.outputs, shell.valueInfos, shell.initializers, shell.sparseInitializers) = ([], [], [], [], [], [])
        editor.graphs.append(
            EditedGraph(
                shell: shell, owner: owner, depth: depth, inputs: [], inputInfos: [], outputs: [], outputInfos: graph.outputs, infos: [], nodes: [],
                constants: []))
        var hidden: [(Name, ValueID?)] = []
        func declare(_ loader: inout Loader, _ name: Name) -> ValueID {
            let value = loader.editor.addValue(name, in: id)
            if depth == 0, loader.pinned.contains(name) { loader.editor.values[value].isPinned = true }
            hidden.append((name, loader.scope.updateValue(value, forKey: name)))
            return value
        }
        for info in graph.inputs {
            let value = declare(&self, info.name ?? "")
            editor.values[value].isInput = true
            editor.graphs[id].inputs.append(value)
            editor.graphs[id].inputInfos.append(info)
        }
        loadConstants(of: graph, id) { declare(&$0, $1) }
        var made: [(NodeID, Node)] = []
        for (index, node) in graph.nodes.enumerated() {
            let outputs = node.outputs.map { $0.isEmpty ? -1 : declare(&self, $0) }
            if let stored = constant(of: node) {
                editor.values[outputs[0]].constant = stored
                editor.graphs[id].constants.append(outputs[0])
            } else {
                made.append((add(node, outputs, to: id, at: index), node))
            }
        }
        for (node, source) in made { connect(node, source, depth: depth) }
        for (index, output) in graph.outputs.enumerated() {
            let value = output.name.flatMap { scope[$0] } ?? -1
            editor.graphs[id].outputs.append(value)
            editor.addUse(value, Use(node: -1, graph: id, index: index))
        }
        for info in graph.valueInfos { if let value = info.name.flatMap({ scope[$0] }) { editor.graphs[id].infos.append((value, info)) } }
        for annotation in graph.quantizationAnnotations {
            for name in [annotation.tensorName] + annotation.parameters.map(\.value) {
                if let value = name.flatMap({ scope[$0] }) { editor.values[value].isPinned = true; editor.annotated.insert(value) }
            }
        }
        for (name, outer) in hidden.reversed() { scope[name] = outer }
        return id
    }

    /// Up to IR 3 every initializer is listed as an input, and none can be replaced by a caller (ONNX Runtime reads it so). From IR 4 on
    /// one that is listed is a default.
    private mutating func loadConstants(of graph: Graph, _ id: GraphID, _ declare: (inout Loader, Name) -> ValueID) {
        func add(_ loader: inout Loader, _ name: Name, _ content: StoredConstant.Content, _ order: Int) {
            let known = loader.scope[name], editor = loader.editor
            let isListed = known.map { editor.values[$0].isInput && editor.values[$0].graph == id } ?? false
            let value = isListed ? known ?? -1 : declare(&loader, name)
            let stored = StoredConstant(content)
            stored.order = order
            let isFrozen = editor.setting.irVersion < 4 || editor.setting.freezesDefaults
            stored.isDefault = isListed && !(isFrozen && editor.graphs[id].depth == 0)
            if isListed, !stored.isDefault { (editor.values[value].isInput, editor.values[value].isListed) = (false, true) }
            editor.values[value].constant = stored
            editor.graphs[id].constants.append(value)
        }
        for (index, tensor) in graph.initializers.enumerated() { add(&self, tensor.name ?? "", .tensor(tensor), index) }
        for (index, sparse) in graph.sparseInitializers.enumerated() {
            add(&self, sparse.values?.name ?? "", .sparse(sparse), graph.initializers.count + index)
        }
    }

    /// What a Constant node of a plain tensor or number holds.
    private func constant(of node: Node) -> StoredConstant? {
        guard node.opType == "Constant", Domain.canonical(node.domain).isEmpty, node.outputs.count == 1, !node.outputs[0].isEmpty, node.inputs.isEmpty,
            node.attributes.count == 1, node.attributes[0].referenceName == nil, node.unknownFields.isEmpty, node.deviceConfigurations.isEmpty,
            !editor.setting.functions.contains(FunctionKey(node)), let tensor = node.attributes[0].constantTensor
        else { return nil }
        let stored = StoredConstant(.tensor(tensor))
        stored.node = node
        return stored
    }

    private func add(_ node: Node, _ outputs: [ValueID], to graph: GraphID, at position: Int) -> NodeID {
        let domain = Domain.canonical(node.domain), opset = Int(editor.setting.opsets[domain] ?? 1)
        // What cannot be known or must not be touched is a wall.
        let isPlain = domain.isEmpty && !editor.setting.functions.contains(FunctionKey(node)) && node.unknownFields.isEmpty
            && node.deviceConfigurations.isEmpty && node.attributes.allSatisfy { $0.referenceName == nil && $0.unknownFields.isEmpty }
        let kind = isPlain ? node.opType.flatMap { OperatorKind.byName[$0] } ?? .other : .other
        var bare = node
        (bare.inputs, bare.outputs) = ([], [])
        let id = editor.nodes.count
        editor.nodes.append(
            EditedNode(
                node: bare, inputs: [], outputs: outputs, graph: graph, kind: kind, domain: domain, opset: opset, position: position))
        for output in outputs where output >= 0 { editor.values[output].maker = id }
        editor.graphs[graph].nodes.append(id)
        editor.index(id)
        return id
    }

    private mutating func connect(_ id: NodeID, _ source: Node, depth: Int) {
        let inputs = source.inputs.map { $0.isEmpty ? -1 : scope[$0] ?? -1 }
        editor.nodes[id].inputs = inputs
        for (index, value) in inputs.enumerated() { editor.addUse(value, Use(node: id, index: index)) }
        if !source.deviceConfigurations.isEmpty {
            for value in inputs + editor.nodes[id].outputs where value >= 0 { editor.values[value].isPinned = true }
        }
        for (index, attribute) in source.attributes.enumerated() {
            switch attribute.value {
            case .graph(let graph):
                editor.nodes[id].node.attributes[index].value = .graph(graph.signature)
                let inner = load(graph, owner: id, depth: depth + 1)
                editor.nodes[id].subgraphs.append(.init(attribute: index, element: nil, graph: inner))
            case .graphs(let graphs):
                editor.nodes[id].node.attributes[index].value = .graphs(graphs.map(\.signature))
                for (element, graph) in graphs.enumerated() {
                    let inner = load(graph, owner: id, depth: depth + 1)
                    editor.nodes[id].subgraphs.append(.init(attribute: index, element: element, graph: inner))
                }
            default: break
            }
        }
    }
}

extension Graph {
    /// Inputs and outputs alone, for whoever looks at the node that holds the graph.
    fileprivate var signature: Graph { Graph(inputs: inputs, outputs: outputs) }
}

extension Attribute {
    /// The tensor that a Constant node with this attribute makes (ONNX, Constant); nil for a sparse one.
    var constantTensor: Tensor? {
        func bytes<I: FixedWidthInteger>(_ values: [I]) -> TensorBytes {
            TensorBytes(values.flatMap { value in (0..<I.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> I(8 * $0)) } })
        }
        switch (name?.text, value) {
        case ("value", .tensor(let tensor)): return tensor
        case ("value_float", .float(let value)): return Tensor(.float, dims: [], bytes: bytes([value.bitPattern]))
        case ("value_floats", .floats(let values)): return Tensor(.float, dims: [values.count], bytes: bytes(values.map(\.bitPattern)))
        case ("value_int", .int(let value)): return Tensor(.int64, dims: [], bytes: bytes([value]))
        case ("value_ints", .ints(let values)): return Tensor(.int64, dims: [values.count], bytes: bytes(values))
        default: return nil
        }
    }
}
