internal import COnnx
internal import ModelGraph
internal import Tensors

extension Decoder {
    /// The whole file. Nil if it is sound protobuf without a graph.
    func model() throws -> Model? {
        let body = Body(0..<bytes.count)
        var (model, scan) = try modelHeader(body)
        guard scan.has(7) else { return nil }
        isModel = true
        irVersion = model.irVersion
        var graph: Body?
        try children(.model, body, scan) { field, range in
            switch field {
            case 7: Body.merge(range, into: &graph)
            case 8: model.opsetImports.append(try operatorSet(Body(range)))
            case 14: model.metadata.append(try entry(range))
            case 20: model.trainingInfo.append(try placed("training_info \(model.trainingInfo.count)") { try trainingInfo(Body(range)) })
            case 25: model.functions.append(try function(Body(range)))
            default: model.deviceConfigurations.append(try deviceConfiguration(Body(range)))
            }
        }
        if let graph { model.graph = try self.graph(graph, depth: 1) }
        return model
    }

    /// Scans the fields of the file itself, which tells whether it is protobuf at all.
    private func modelHeader(_ body: Body) throws -> (Model, ScannedMessage) {
        let (m, scan) = try unsafe message(.model, body, as: Onnx__ModelProto.self)
        let model = try unsafe Model(
            irVersion: m.has_ir_version == 0 ? nil : m.ir_version, producerName: name(m.has_producer_name, m.producer_name),
            producerVersion: name(m.has_producer_version, m.producer_version), domain: name(m.has_domain, m.domain),
            modelVersion: m.has_model_version == 0 ? nil : m.model_version, docString: name(m.has_doc_string, m.doc_string),
            graph: Graph(), unknownFields: scan.unknown)
        return (model, scan)
    }

    private func trainingInfo(_ body: Body) throws -> TrainingInfo {
        let (_, scan) = try unsafe message(.trainingInfo, body, as: Onnx__TrainingInfoProto.self)
        var info = TrainingInfo(unknownFields: scan.unknown)
        var initialization: Body?, algorithm: Body?
        try children(.trainingInfo, body, scan) { field, range in
            switch field {
            case 1: Body.merge(range, into: &initialization)
            case 2: Body.merge(range, into: &algorithm)
            case 3: info.initializationBinding.append(try entry(range))
            default: info.updateBinding.append(try entry(range))
            }
        }
        if let initialization { info.initialization = try placed("initialization") { try graph(initialization, depth: 1) } }
        if let algorithm { info.algorithm = try placed("algorithm") { try graph(algorithm, depth: 1) } }
        return info
    }

    private func function(_ body: Body) throws -> Function {
        var (function, scan) = try functionHeader(body)
        let label = "function '\(function.domain ?? "")::\(function.name ?? "")'"
        try placed(label) {
            try children(.function, body, scan) { field, range in
                switch field {
                case 7: try node(Body(range), depth: 1, into: &function.nodes)
                case 9: function.opsetImports.append(try operatorSet(Body(range)))
                case 11:
                    let index = function.attributeDefaults.count
                    function.attributeDefaults.append(try attribute(Body(range), index: index, depth: 1))
                case 12 where !options.readsValueInfo: break
                case 12: function.valueInfos.append(try valueInfo(Body(range), "value", index: function.valueInfos.count))
                default: function.metadata.append(try entry(range))
                }
            }
        }
        return function
    }

    private func functionHeader(_ body: Body) throws -> (Function, ScannedMessage) {
        let (m, scan) = try unsafe message(.function, body, as: Onnx__FunctionProto.self)
        let function = try unsafe Function(
            name: name(m.has_name, m.name), domain: name(m.has_domain, m.domain), overload: name(m.has_overload, m.overload),
            inputs: names(m.n_input, m.input), outputs: names(m.n_output, m.output), attributeNames: names(m.n_attribute, m.attribute),
            docString: name(m.has_doc_string, m.doc_string), unknownFields: scan.unknown)
        return (function, scan)
    }
}
