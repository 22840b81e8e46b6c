internal import Tensors

extension Model {
    /// The model as text, for people and for tests: one line per node, initializer and field, names escaped, always the same for
    /// equal models. Small tensors are written out, larger ones stand with a hash of their bytes, which are read for that.
    public func text() throws -> String {
        var writer = GraphTextWriter()
        try writer.write(self)
        return writer.text
    }
}

/// Writes lines; each level is indented by two spaces.
private struct GraphTextWriter {
    private(set) var text = ""
    private var depth = 0

    private mutating func line(_ content: String) {
        text += String(repeating: "  ", count: depth) + content + "\n"
    }

    private mutating func indented(_ body: (inout GraphTextWriter) throws -> Void) rethrows {
        depth += 1
        try body(&self)
        depth -= 1
    }

    // MARK: Model

    mutating func write(_ model: Model) throws {
        line("model ir_version \(number(model.irVersion))" + model.opsetImports.map { ", \(word($0.domain)) \(number($0.version))" }.joined())
        write("producer_name", model.producerName)
        write("producer_version", model.producerVersion)
        write("domain", model.domain)
        if let version = model.modelVersion { line("model_version \(version)") }
        writeNotes(model.docString, model.metadata, model.unknownFields)
        for each in model.deviceConfigurations {
            line("configuration \(word(each.name)) of \(number(each.deviceCount)): \(words(each.devices))" + unknown(each.unknownFields))
        }
        try write(model.graph, title: "graph")
        for (index, training) in model.trainingInfo.enumerated() {
            line("training_info \(index)" + unknown(training.unknownFields))
            try indented {
                if let graph = training.initialization { try $0.write(graph, title: "initialization") }
                if let graph = training.algorithm { try $0.write(graph, title: "algorithm") }
                for each in training.initializationBinding { $0.write("initialization_binding", each) }
                for each in training.updateBinding { $0.write("update_binding", each) }
            }
        }
        for function in model.functions { try write(function) }
    }

    private mutating func write(_ function: Function) throws {
        let overload = function.overload.map { ":\(word($0))" } ?? ""
        line("function \(word(function.domain))::\(word(function.name))\(overload) (\(words(function.inputs))) -> (\(words(function.outputs)))")
        try indented {
            for each in function.opsetImports { $0.line("opset_import \(word(each.domain)) \(number(each.version))") }
            $0.writeNotes(function.docString, function.metadata, function.unknownFields)
            for name in function.attributeNames { $0.line("attribute \(word(name))") }
            for each in function.attributeDefaults { try $0.write(each, prefix: "attribute ") }
            for each in function.valueInfos { $0.write("value_info", each) }
            for node in function.nodes { try $0.write(node) }
        }
    }

    // MARK: Graphs and nodes

    private mutating func write(_ graph: Graph, title: String) throws {
        line("\(title) \(word(graph.name))")
        try indented {
            for each in graph.inputs { $0.write("input", each) }
            for each in graph.initializers { $0.line("initializer " + (try tensor(each))) }
            for each in graph.sparseInitializers { $0.line("sparse_initializer " + (try sparse(each))) }
            for node in graph.nodes { try $0.write(node) }
            for each in graph.outputs { $0.write("output", each) }
            for each in graph.valueInfos { $0.write("value_info", each) }
            for each in graph.quantizationAnnotations {
                let parameters = each.parameters.map { "\(word($0.key)) = \(word($0.value))" }.joined(separator: ", ")
                $0.line("quantization \(word(each.tensorName)): \(parameters)" + unknown(each.unknownFields))
            }
            $0.writeNotes(graph.docString, graph.metadata, graph.unknownFields)
        }
    }

    private mutating func write(_ role: String, _ info: ValueInfo) {
        let type = info.type.map { type in ": \(type)" + (type.denotation.map { " as \(word($0))" } ?? "") } ?? ""
        line("\(role) \(word(info.name))\(type)" + unknown(info.unknownFields))
        indented { $0.writeNotes(info.docString, info.metadata, []) }
    }

    private mutating func write(_ node: Node) throws {
        let domain = node.domain.map { $0.isEmpty ? "" : "\(word($0))::" } ?? "", overload = node.overload.map { ":\(word($0))" } ?? ""
        let name = node.name.map { " # \(word($0))" } ?? ""
        line("\(words(node.outputs)) = \(domain)\(word(node.opType))\(overload)(\(words(node.inputs)))\(name)")
        try indented {
            for attribute in node.attributes { try $0.write(attribute, prefix: "") }
            for each in node.deviceConfigurations { $0.line("device_configuration \(word(each.configurationID)) stage \(number(each.pipelineStage))") }
            $0.writeNotes(node.docString, node.metadata, node.unknownFields)
        }
    }

    private mutating func write(_ attribute: Attribute, prefix: String) throws {
        let title = prefix + word(attribute.name)
        if let reference = attribute.referenceName {
            line("\(title) = @\(word(reference)): \(attribute.value.typeName)")
        } else {
            switch attribute.value {
            case .graph(let graph): try write(graph, title: "\(title) = graph")
            case .graphs(let graphs):
                line("\(title) = \(graphs.count) graphs")
                try indented { for graph in graphs { try $0.write(graph, title: "graph") } }
            case .tensors(let tensors):
                line("\(title) = \(tensors.count) tensors")
                try indented { for each in tensors { $0.line(try tensor(each)) } }
            case .sparseTensors(let tensors):
                line("\(title) = \(tensors.count) sparse tensors")
                try indented { for each in tensors { $0.line(try sparse(each)) } }
            default: line("\(title) = \(try value(attribute.value))")
            }
        }
        indented { $0.writeNotes(attribute.docString, [], attribute.unknownFields) }
    }

    // MARK: Notes

    private mutating func write(_ title: String, _ text: Name?) {
        if let text { line("\(title) \(word(text))") }
    }

    private mutating func write(_ title: String, _ entry: KeyValue) {
        line("\(title) \(word(entry.key)) = \(word(entry.value))" + unknown(entry.unknownFields))
    }

    private mutating func writeNotes(_ doc: Name?, _ metadata: [KeyValue], _ unknownFields: [UInt8]) {
        write("doc_string", doc)
        for each in metadata { write("metadata", each) }
        if !unknownFields.isEmpty { line("unknown fields:" + unknown(unknownFields)) }
    }
}
