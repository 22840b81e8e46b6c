internal import ModelGraph
internal import Tensors

extension MetadataReader {
    typealias Depth = MetadataDepth

    func entry(_ table: FlatTable) throws -> ThimbleFile.Entry {
        let key = try text(table, Slot.Model.key) ?? ""
        return ThimbleFile.Entry(
            key: key, model: try within(key.isEmpty ? "model" : "model '\(key)'") { try model(table) },
            source: try table.table(Slot.Model.source).map(source))
    }

    private func model(_ table: FlatTable) throws -> Model {
        let depth = Depth(tables: 2)
        guard let graphTable = try table.table(Slot.Model.graph) else { throw ModelError(.damagedFile, "has no graph") }
        var model = Model(graph: try graph(graphTable, depth))
        model.irVersion = try table.integer(Slot.Model.irVersion, Int64.self)
        model.opsetImports = try opsets(table, Slot.Model.opsets)
        model.functions = try list(table, Slot.Model.functions) { try function($0, depth.table()) }
        model.producerName = try text(table, Slot.Model.producerName)
        model.producerVersion = try text(table, Slot.Model.producerVersion)
        model.domain = try text(table, Slot.Model.domain)
        model.modelVersion = try table.integer(Slot.Model.modelVersion, Int64.self)
        model.docString = try text(table, Slot.Model.docString)
        model.metadata = try entries(table, Slot.Model.metadata)
        model.trainingInfo = try list(table, Slot.Model.training) { try training($0, depth.table()) }
        model.deviceConfigurations = try list(table, Slot.Model.configuration, deviceConfiguration)
        model.unknownFields = try bytes(table, Slot.Model.unknown)
        return model
    }

    func graph(_ table: FlatTable, _ outer: Depth) throws -> Graph {
        let depth = try outer.graph()
        try claim(table.position)
        var graph = Graph()
        graph.nodes = try nodes(table, Slot.Graph.nodes, depth)
        try rest(of: &graph, table, depth)
        return graph
    }

    /// What holds no graphs: kept apart so that the recursion through `graph` stays small on the stack.
    @inline(never)
    private func rest(of graph: inout Graph, _ table: FlatTable, _ depth: Depth) throws {
        graph.name = try text(table, Slot.Graph.name)
        users.enter(nil)
        graph.inputs = try list(table, Slot.Graph.inputs) { try valueInfo($0, depth) }
        graph.outputs = try list(table, Slot.Graph.outputs) { try valueInfo($0, depth) }
        graph.valueInfos = try list(table, Slot.Graph.valueInfo) { try valueInfo($0, depth) }
        graph.initializers = try list(table, Slot.Graph.initializers, tensor)
        graph.sparseInitializers = try list(table, Slot.Graph.sparseInitializers, sparseTensor)
        graph.quantizationAnnotations = try list(table, Slot.Graph.quantization) { annotation in
            QuantizationAnnotation(
                tensorName: try name(annotation, Slot.Quantization.tensorName),
                parameters: try entries(annotation, Slot.Quantization.parameters),
                unknownFields: try bytes(annotation, Slot.Quantization.unknown))
        }
        graph.docString = try text(table, Slot.Graph.docString)
        graph.metadata = try entries(table, Slot.Graph.metadata)
        graph.unknownFields = try bytes(table, Slot.Graph.unknown)
    }

    func nodes(_ table: FlatTable, _ slot: Int, _ depth: Depth) throws -> [Node] {
        guard let vector = try table.objects(slot), vector.count > 0 else { return [] }
        try claim(vector.start - 4)
        try budget.take(vector.count * MemoryLayout<Node>.stride + 32)
        var nodes: [Node] = []
        nodes.reserveCapacity(vector.count)
        for index in 0..<vector.count {
            do {
                try appendNode(buffer.table(vector, index), to: &nodes, depth.table())
            } catch let error as ModelError {
                throw error.at("node \(index)")
            }
        }
        return nodes
    }

    private func appendNode(_ table: FlatTable, to nodes: inout [Node], _ depth: Depth) throws {
        try claim(table.position)
        let index = nodes.count
        // Read where it lies: a node is large.
        try start(of: &nodes, table)
        nodes[index].attributes = try attributes(table, Slot.Node.attributes, depth)
    }

    @inline(never)
    private func start(of nodes: inout [Node], _ table: FlatTable) throws {
        let op = Int(try table.integer(Slot.Node.op, UInt32.self) ?? 0)
        guard op < operators.count else {
            throw ModelError(.damagedFile, "refers to operator \(op), the metadata has \(operators.count)")
        }
        nodes.append(Node(
            operators[op].type, domain: operators[op].domain, overload: operators[op].overload, name: try text(table, Slot.Node.name),
            inputs: try names(table, Slot.Node.inputs), outputs: try names(table, Slot.Node.outputs),
            docString: try text(table, Slot.Node.docString), metadata: try entries(table, Slot.Node.metadata),
            deviceConfigurations: try list(table, Slot.Node.devices, nodeDevices), unknownFields: try bytes(table, Slot.Node.unknown)))
        if users.isWanted { users.enter(nodes[nodes.count - 1]) }
    }

    private func function(_ table: FlatTable, _ depth: Depth) throws -> Function {
        var function = Function(name: try text(table, Slot.Function.name), domain: try text(table, Slot.Function.domain))
        function.overload = try text(table, Slot.Function.overload)
        function.inputs = try names(table, Slot.Function.inputs)
        function.outputs = try names(table, Slot.Function.outputs)
        function.attributeNames = try texts(table, Slot.Function.attributes)
        users.enter(nil)
        function.attributeDefaults = try attributes(table, Slot.Function.attributeProtos, depth)
        function.nodes = try nodes(table, Slot.Function.nodes, depth)
        function.opsetImports = try opsets(table, Slot.Function.opsets)
        function.valueInfos = try list(table, Slot.Function.valueInfo) { try valueInfo($0, depth) }
        function.docString = try text(table, Slot.Function.docString)
        function.metadata = try entries(table, Slot.Function.metadata)
        function.unknownFields = try bytes(table, Slot.Function.unknown)
        return function
    }

    private func training(_ table: FlatTable, _ depth: Depth) throws -> TrainingInfo {
        TrainingInfo(
            initialization: try table.table(Slot.Training.initialization).map { try graph($0, depth) },
            algorithm: try table.table(Slot.Training.algorithm).map { try graph($0, depth) },
            initializationBinding: try entries(table, Slot.Training.initializationBinding),
            updateBinding: try entries(table, Slot.Training.updateBinding), unknownFields: try bytes(table, Slot.Training.unknown))
    }
}
