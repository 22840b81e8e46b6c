internal import ModelGraph
internal import Tensors

/// Graphs and what lies in them, outermost first.
extension MetadataWriter {
    typealias Depth = MetadataDepth

    func model(_ model: Model, key: Name, source: ThimbleFile.Source?) throws -> FlatOffset {
        let depth = Depth(tables: 2)
        var fields = FlatFields()
        fields.set(Slot.Model.key, try builder.string(key))
        fields.set(Slot.Model.graph, try graph(model.graph, depth))
        fields.set(Slot.Model.irVersion, model.irVersion.map(FlatValue.init))
        fields.set(Slot.Model.opsets, try opsets(model.opsetImports))
        fields.set(Slot.Model.functions, try list(model.functions) { try function($0, depth.table()) })
        fields.set(Slot.Model.producerName, try builder.string(model.producerName))
        fields.set(Slot.Model.producerVersion, try builder.string(model.producerVersion))
        fields.set(Slot.Model.domain, try builder.string(model.domain))
        fields.set(Slot.Model.modelVersion, model.modelVersion.map(FlatValue.init))
        fields.set(Slot.Model.docString, try builder.string(model.docString))
        fields.set(Slot.Model.metadata, try entries(model.metadata))
        fields.set(Slot.Model.training, try list(model.trainingInfo) { try training($0, depth.table()) })
        fields.set(Slot.Model.configuration, try list(model.deviceConfigurations, deviceConfiguration))
        fields.set(Slot.Model.source, try source.map(self.source))
        fields.set(Slot.Model.unknown, try bytes(model.unknownFields))
        return try builder.table(fields)
    }

    func graph(_ graph: Graph, _ outer: Depth) throws -> FlatOffset {
        let depth = try outer.graph()
        var fields = FlatFields()
        fields.set(Slot.Graph.name, try builder.string(graph.name))
        fields.set(Slot.Graph.nodes, try nodes(graph.nodes, depth))
        try rest(of: graph, &fields, depth)
        return try builder.table(fields)
    }

    /// What holds no graphs: kept apart so that the recursion through `graph` stays small on the stack.
    @inline(never)
    private func rest(of graph: Graph, _ fields: inout FlatFields, _ depth: Depth) throws {
        fields.set(Slot.Graph.inputs, try list(graph.inputs) { try valueInfo($0, depth) })
        fields.set(Slot.Graph.outputs, try list(graph.outputs) { try valueInfo($0, depth) })
        fields.set(Slot.Graph.valueInfo, try list(graph.valueInfos) { try valueInfo($0, depth) })
        fields.set(Slot.Graph.initializers, try list(graph.initializers, tensor))
        fields.set(Slot.Graph.sparseInitializers, try list(graph.sparseInitializers, sparseTensor))
        fields.set(
            Slot.Graph.quantization,
            try list(graph.quantizationAnnotations) { annotation in
                var fields = FlatFields()
                fields.set(Slot.Quantization.tensorName, id(annotation.tensorName))
                fields.set(Slot.Quantization.parameters, try entries(annotation.parameters))
                fields.set(Slot.Quantization.unknown, try bytes(annotation.unknownFields))
                return try builder.table(fields)
            })
        fields.set(Slot.Graph.docString, try builder.string(graph.docString))
        fields.set(Slot.Graph.metadata, try entries(graph.metadata))
        fields.set(Slot.Graph.unknown, try bytes(graph.unknownFields))
    }

    func nodes(_ nodes: [Node], _ depth: Depth) throws -> FlatOffset? {
        if nodes.isEmpty { return nil }
        var offsets: [FlatOffset] = []
        offsets.reserveCapacity(nodes.count)
        for node in nodes {
            do {
                offsets.append(try self.node(node, depth.table()))
            } catch let error as ModelError {
                throw error.at(node.label)
            }
        }
        return try builder.vector(offsets)
    }

    private func node(_ node: Node, _ depth: Depth) throws -> FlatOffset {
        var fields = FlatFields()
        try start(of: node, &fields)
        fields.set(Slot.Node.attributes, try attributes(node.attributes, depth))
        try rest(of: node, &fields)
        return try builder.table(fields)
    }

    @inline(never)
    private func start(of node: Node, _ fields: inout FlatFields) throws {
        fields.set(Slot.Node.op, .word(id(operatorOf: node)))
        fields.set(Slot.Node.inputs, try names(node.inputs))
        fields.set(Slot.Node.outputs, try names(node.outputs))
    }

    @inline(never)
    private func rest(of node: Node, _ fields: inout FlatFields) throws {
        fields.set(Slot.Node.name, try builder.string(node.name))
        fields.set(Slot.Node.docString, try builder.string(node.docString))
        fields.set(Slot.Node.metadata, try entries(node.metadata))
        fields.set(Slot.Node.devices, try list(node.deviceConfigurations, nodeDevices))
        fields.set(Slot.Node.unknown, try bytes(node.unknownFields))
    }

    private func function(_ function: Function, _ depth: Depth) throws -> FlatOffset {
        var fields = FlatFields()
        fields.set(Slot.Function.name, try builder.string(function.name))
        fields.set(Slot.Function.domain, try builder.string(function.domain))
        fields.set(Slot.Function.overload, try builder.string(function.overload))
        fields.set(Slot.Function.inputs, try names(function.inputs))
        fields.set(Slot.Function.outputs, try names(function.outputs))
        fields.set(Slot.Function.attributes, try list(function.attributeNames) { try builder.string($0) })
        fields.set(Slot.Function.attributeProtos, try attributes(function.attributeDefaults, depth))
        fields.set(Slot.Function.nodes, try nodes(function.nodes, depth))
        fields.set(Slot.Function.opsets, try opsets(function.opsetImports))
        fields.set(Slot.Function.valueInfo, try list(function.valueInfos) { try valueInfo($0, depth) })
        fields.set(Slot.Function.docString, try builder.string(function.docString))
        fields.set(Slot.Function.metadata, try entries(function.metadata))
        fields.set(Slot.Function.unknown, try bytes(function.unknownFields))
        return try builder.table(fields)
    }

    private func training(_ training: TrainingInfo, _ depth: Depth) throws -> FlatOffset {
        var fields = FlatFields()
        fields.set(Slot.Training.initialization, try training.initialization.map { try graph($0, depth) })
        fields.set(Slot.Training.algorithm, try training.algorithm.map { try graph($0, depth) })
        fields.set(Slot.Training.initializationBinding, try entries(training.initializationBinding))
        fields.set(Slot.Training.updateBinding, try entries(training.updateBinding))
        fields.set(Slot.Training.unknown, try bytes(training.unknownFields))
        return try builder.table(fields)
    }
}

extension FlatValue {
    init(_ value: Int64) {
        self = .long(UInt64(bitPattern: value))
    }

    init(_ value: Int32) {
        self = .word(UInt32(bitPattern: value))
    }

    init(_ value: Bool) {
        self = .byte(value ? 1 : 0)
    }
}
