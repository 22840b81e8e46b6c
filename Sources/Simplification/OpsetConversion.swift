package import ModelGraph
internal import Operators
internal import Tensors

/// Gives a model a later version of the default operator set, when that is asked for or an operator needs it.
///
/// Attributes that became inputs are made inputs (axes of reductions, Squeeze and Unsqueeze, parts of Split, bounds of Clip and Slice, widths of Pad), the axis of a Softmax,
/// LogSoftmax or Hardmax that is the last is written as -1, one over several axes gets a matrix; every other operator in use must mean the same in both versions.
/// Functions import the same version afterwards.
package enum OpsetConversion {
    /// A model in another version, and how many of its nodes had to be written anew.
    package struct Raised {
        package var model: Model
        package var changes = 0
    }

    /// Throws, with the operator named, if the model would compute something else in `version`, and if that is older than the model's or newer than all known.
    package static func raise(_ model: Model, to version: Int64) throws -> Raised {
        let old = OpsetRaise.version(of: model.opsetImports), newest = OperatorSchemas.newestOpset(of: "") ?? old
        guard version <= newest else { throw ModelError(.badArgument, "operator set \(version) is asked for, the newest that this version knows is \(newest)") }
        guard version >= old else { throw ModelError(.badArgument, "operator set \(version) is asked for, the model has \(old): it can be raised, not lowered") }
        if version == old { return Raised(model: model) }
        var result = try converted(model, to: version)
        for index in model.functions.indices where !model.functions[index].opsetImports.isEmpty {
            let function = model.functions[index]
            try within(function.place.description) {
                // Its body as a model of its own.
                let body = Model(irVersion: model.irVersion, opsetImports: function.opsetImports, graph: function.body, functions: model.functions)
                guard OpsetRaise.version(of: body.opsetImports) < version, body.opsetImports.contains(where: { Domain.canonical($0.domain).isEmpty }) else { return }
                let raised = try converted(body, to: version, isFunction: true)
                result.model.functions[index].nodes = raised.model.graph.nodes
                result.model.functions[index].opsetImports = raised.model.opsetImports
                result.changes += raised.changes
            }
        }
        return result
    }

    private static func converted(_ model: Model, to version: Int64, isFunction: Bool = false) throws -> Raised {
        let old = OpsetRaise.version(of: model.opsetImports), functions = Set(model.functions.map(FunctionKey.init))
        var result = model, changes = 0
        let setting = GraphEditor.Setting(opsets: Domain.versions(model.opsetImports), irVersion: model.irVersion ?? 0, functions: functions, isFunction: isFunction)
        let editor = Loader.load(model.graph, setting, pinned: [])
        try editor.inferAll()
        for node in try editor.orderOfAll() {
            let record = editor.nodes[node], name = record.node.opType ?? ""
            if record.kind != .other {
                let before = editor.changeCount
                convert(node, to: version, editor)
                if editor.changeCount > before { changes += 1 }
            }
            guard record.domain.isEmpty, !functions.contains(FunctionKey(record.node)), OperatorSchemas.versions(of: name, domain: "").isEmpty else { continue }
            throw ModelError(.unsupported, "the operator set cannot be raised from \(old) to \(version): \(name) is no operator of ONNX, runtimes may have it in \(old) only", at: [editor.label(node)])
        }
        result.graph = try editor.rebuilt()
        if let obstacle = OpsetRaise.obstacle(result, to: version) {
            throw ModelError(.unsupported, "the operator set cannot be raised from \(old) to \(version): \(obstacle)")
        }
        OpsetRaise.raise(&result, to: version)
        return Raised(model: result, changes: changes)
    }

    private static func convert(_ node: NodeID, to version: Int64, _ graph: GraphEditor) {
        let record = graph.nodes[node], old = record.opset
        func comes(_ since: Int) -> Bool { old < since && version >= since }
        func ints(_ name: Name, _ index: Int) { moveInts(name, of: node, to: index, graph) }
        switch record.kind {
        case .squeeze, .unsqueeze: if comes(13) { ints("axes", 1) }
        case .reduceSum: if comes(13) { ints("axes", 1) }
        case .reduceMean, .reduceMax, .reduceMin, .reduceProd, .reduceL1, .reduceL2, .reduceLogSum, .reduceLogSumExp, .reduceSumSquare: if comes(18) { ints("axes", 1) }
        case .split:
            if comes(13) { ints("split", 1) }
            if comes(18), graph.input(node, 1) < 0, old >= 2 { graph.setAttribute(node, "num_outputs", .int(Int64(record.outputs.count))) }
        case .clip where comes(11):
            for (index, name) in [(1, "min"), (2, "max")] as [(Int, Name)] {
                guard let bound = graph.float(node, name), let value = number(bound, like: record.inputs[0], in: record.graph, graph) else { continue }
                put(value, at: index, of: node, graph)
                graph.setAttribute(node, name, nil)
            }
        case .dropout where comes(12) && old >= 7: graph.setAttribute(node, "ratio", nil)
        case .pad where comes(11) && graph.ints(node, "pads") != nil:
            let fill = graph.float(node, "value") ?? 0
            guard fill == 0 || number(fill, like: record.inputs[0], in: record.graph, graph) != nil else { return }
            ints("pads", 1)
            if fill != 0, let value = number(fill, like: record.inputs[0], in: record.graph, graph) { put(value, at: 2, of: node, graph) }
            graph.setAttribute(node, "value", nil)
        case .slice where comes(10) && graph.ints(node, "starts") != nil:
            for (index, name) in [(1, "starts"), (2, "ends"), (3, "axes")] as [(Int, Name)] { ints(name, index) }
        case .softmax, .logSoftmax, .hardmax:
            guard comes(13) else { return }
            let axis = graph.int(node, "axis") ?? 1
            if axis == -1 || graph.rank(record.inputs[0]).map({ axis == $0 - 1 }) ?? false {
                graph.setAttribute(node, "axis", .int(-1))
            } else {
                overLines(node, Int64(axis), graph)
            }
        default: break
        }
    }

    /// Over all axes from `axis` on as one: the values are made a matrix before, and what they were after.
    private static func overLines(_ node: NodeID, _ axis: Int64, _ graph: GraphEditor) {
        let record = graph.nodes[node], input = record.inputs[0]
        let matrix = graph.addNode(.flatten, [input], [Attribute("axis", .int(axis))], in: record.graph, near: node)
        let lines = graph.addNode(record.kind, [graph.nodes[matrix].outputs[0]], [Attribute("axis", .int(-1))], in: record.graph, near: node)
        let shape = graph.addNode(.shape, [input], in: record.graph, near: node)
        graph.rewrite(node, as: .reshape, [graph.nodes[lines].outputs[0], graph.nodes[shape].outputs[0]])
    }

    private static func moveInts(_ name: Name, of node: NodeID, to index: Int, _ graph: GraphEditor) {
        guard let values = graph.ints(node, name) else { return }
        put(graph.addConstant(.int64Vector(values), in: graph.nodes[node].graph), at: index, of: node, graph)
        graph.setAttribute(node, name, nil)
    }

    private static func put(_ value: ValueID, at index: Int, of node: NodeID, _ graph: GraphEditor) {
        var inputs = graph.nodes[node].inputs
        while inputs.count <= index { inputs.append(-1) }
        inputs[index] = value
        graph.setInputs(node, inputs)
    }

    /// A constant of no dims in the type of `data`.
    private static func number(_ value: Float, like data: ValueID, in place: GraphID, _ graph: GraphEditor) -> ValueID? {
        guard let type = graph.elementType(data), [.float, .double].contains(type), let tensor = try? Tensor.real([Double(value)], type, dims: []) else { return nil }
        return graph.addConstant(tensor, in: place)
    }
}
