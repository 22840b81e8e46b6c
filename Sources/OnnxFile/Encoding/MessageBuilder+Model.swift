internal import COnnx
internal import ModelGraph
internal import Tensors

/// The pieces of a model, a graph and a function: each a message with some of its fields, in the order of their numbers.
extension MessageBuilder {
    typealias ModelMessage = UnsafeMutablePointer<Onnx__ModelProto>
    typealias GraphMessage = UnsafeMutablePointer<Onnx__GraphProto>
    typealias FunctionMessage = UnsafeMutablePointer<Onnx__FunctionProto>

    // MARK: - model

    func modelStart(_ model: Model) throws -> ModelMessage {
        let m = unsafe try arena.create(.model, as: Onnx__ModelProto.self)
        if let version = model.irVersion { unsafe (m.pointee.has_ir_version, m.pointee.ir_version) = (1, version) }
        unsafe (m.pointee.has_producer_name, m.pointee.producer_name) = unsafe try data(model.producerName)
        unsafe (m.pointee.has_producer_version, m.pointee.producer_version) = unsafe try data(model.producerVersion)
        unsafe (m.pointee.has_domain, m.pointee.domain) = unsafe try data(model.domain)
        if let version = model.modelVersion { unsafe (m.pointee.has_model_version, m.pointee.model_version) = (1, version) }
        unsafe (m.pointee.has_doc_string, m.pointee.doc_string) = unsafe try data(model.docString)
        return unsafe m
    }

    func modelMiddle(_ model: Model) throws -> ModelMessage {
        let m = unsafe try arena.create(.model, as: Onnx__ModelProto.self)
        unsafe (m.pointee.n_opset_import, m.pointee.opset_import) = unsafe (model.opsetImports.count, try list(model.opsetImports, operatorSet))
        unsafe (m.pointee.n_metadata_props, m.pointee.metadata_props) = unsafe (model.metadata.count, try list(model.metadata, entry))
        return unsafe m
    }

    func model(trainingInfo info: TrainingInfo) throws -> ModelMessage {
        let m = unsafe try arena.create(.model, as: Onnx__ModelProto.self)
        let t = unsafe try arena.create(.trainingInfo, as: Onnx__TrainingInfoProto.self)
        if let graph = info.initialization {
            unsafe (t.pointee.has_initialization, t.pointee.initialization) = unsafe (1, try writer.part(.graph(graph), depth: 1))
        }
        if let graph = info.algorithm { unsafe (t.pointee.has_algorithm, t.pointee.algorithm) = unsafe (1, try writer.part(.graph(graph), depth: 1)) }
        let (initialization, update) = (info.initializationBinding, info.updateBinding)
        unsafe (t.pointee.n_initialization_binding, t.pointee.initialization_binding) = unsafe (initialization.count, try list(initialization, entry))
        unsafe (t.pointee.n_update_binding, t.pointee.update_binding) = unsafe (update.count, try list(update, entry))
        unsafe try unknown(info.unknownFields, of: .trainingInfo, in: &t.pointee.base)
        unsafe (m.pointee.n_training_info, m.pointee.training_info) = unsafe (1, try one(Optional(t)))
        return unsafe m
    }

    func modelEnd(_ model: Model) throws -> ModelMessage {
        let m = unsafe try arena.create(.model, as: Onnx__ModelProto.self)
        let devices = model.deviceConfigurations
        unsafe (m.pointee.n_configuration, m.pointee.configuration) = unsafe (devices.count, try list(devices, deviceConfiguration))
        unsafe try unknown(model.unknownFields, of: .model, in: &m.pointee.base)
        return unsafe m
    }

    // MARK: - graph

    enum ValueRole {
        case input, output, valueInfo
    }

    func graph(node: Node) throws -> GraphMessage {
        let m = unsafe try arena.create(.graph, as: Onnx__GraphProto.self)
        unsafe (m.pointee.n_node, m.pointee.node) = unsafe (1, try one(Optional(self.node(node))))
        return unsafe m
    }

    func graphName(_ graph: Graph) throws -> GraphMessage {
        let m = unsafe try arena.create(.graph, as: Onnx__GraphProto.self)
        unsafe (m.pointee.has_name, m.pointee.name) = unsafe try data(graph.name)
        return unsafe m
    }

    func graph(initializer: Tensor) throws -> GraphMessage {
        let m = unsafe try arena.create(.graph, as: Onnx__GraphProto.self)
        unsafe (m.pointee.n_initializer, m.pointee.initializer) = unsafe (1, try one(Optional(tensor(initializer))))
        return unsafe m
    }

    func graphDocString(_ graph: Graph) throws -> GraphMessage {
        let m = unsafe try arena.create(.graph, as: Onnx__GraphProto.self)
        unsafe (m.pointee.has_doc_string, m.pointee.doc_string) = unsafe try data(graph.docString)
        return unsafe m
    }

    func graph(_ info: ValueInfo, _ role: ValueRole) throws -> GraphMessage {
        let m = unsafe try arena.create(.graph, as: Onnx__GraphProto.self)
        let infos = unsafe try one(Optional(valueInfo(info)))
        switch role {
        case .input: unsafe (m.pointee.n_input, m.pointee.input) = unsafe (1, infos)
        case .output: unsafe (m.pointee.n_output, m.pointee.output) = unsafe (1, infos)
        case .valueInfo: unsafe (m.pointee.n_value_info, m.pointee.value_info) = unsafe (1, infos)
        }
        return unsafe m
    }

    func graph(annotation: QuantizationAnnotation) throws -> GraphMessage {
        let m = unsafe try arena.create(.graph, as: Onnx__GraphProto.self)
        let a = unsafe try arena.create(.annotation, as: Onnx__TensorAnnotation.self)
        unsafe (a.pointee.has_tensor_name, a.pointee.tensor_name) = unsafe try data(annotation.tensorName)
        let parameters = unsafe try list(annotation.parameters, entry)
        unsafe (a.pointee.n_quant_parameter_tensor_names, a.pointee.quant_parameter_tensor_names) = unsafe (annotation.parameters.count, parameters)
        unsafe try unknown(annotation.unknownFields, of: .annotation, in: &a.pointee.base)
        unsafe (m.pointee.n_quantization_annotation, m.pointee.quantization_annotation) = unsafe (1, try one(Optional(a)))
        return unsafe m
    }

    func graph(sparse: SparseTensor) throws -> GraphMessage {
        let m = unsafe try arena.create(.graph, as: Onnx__GraphProto.self)
        unsafe (m.pointee.n_sparse_initializer, m.pointee.sparse_initializer) = unsafe (1, try one(Optional(sparseTensor(sparse))))
        return unsafe m
    }

    func graphEnd(_ graph: Graph) throws -> GraphMessage {
        let m = unsafe try arena.create(.graph, as: Onnx__GraphProto.self)
        unsafe (m.pointee.n_metadata_props, m.pointee.metadata_props) = unsafe (graph.metadata.count, try list(graph.metadata, entry))
        unsafe try unknown(graph.unknownFields, of: .graph, in: &m.pointee.base)
        return unsafe m
    }

    // MARK: - function

    func functionStart(_ function: Function) throws -> FunctionMessage {
        let m = unsafe try arena.create(.function, as: Onnx__FunctionProto.self)
        unsafe (m.pointee.has_name, m.pointee.name) = unsafe try data(function.name)
        unsafe (m.pointee.n_input, m.pointee.input) = unsafe try names(function.inputs)
        unsafe (m.pointee.n_output, m.pointee.output) = unsafe try names(function.outputs)
        unsafe (m.pointee.n_attribute, m.pointee.attribute) = unsafe try names(function.attributeNames)
        return unsafe m
    }

    func function(node: Node) throws -> FunctionMessage {
        let m = unsafe try arena.create(.function, as: Onnx__FunctionProto.self)
        unsafe (m.pointee.n_node, m.pointee.node) = unsafe (1, try one(Optional(self.node(node))))
        return unsafe m
    }

    func functionMiddle(_ function: Function) throws -> FunctionMessage {
        let m = unsafe try arena.create(.function, as: Onnx__FunctionProto.self)
        unsafe (m.pointee.has_doc_string, m.pointee.doc_string) = unsafe try data(function.docString)
        unsafe (m.pointee.n_opset_import, m.pointee.opset_import) = unsafe (function.opsetImports.count, try list(function.opsetImports, operatorSet))
        unsafe (m.pointee.has_domain, m.pointee.domain) = unsafe try data(function.domain)
        return unsafe m
    }

    func function(attribute: Attribute) throws -> FunctionMessage {
        let m = unsafe try arena.create(.function, as: Onnx__FunctionProto.self)
        unsafe (m.pointee.n_attribute_proto, m.pointee.attribute_proto) = unsafe (1, try one(Optional(self.attribute(attribute))))
        return unsafe m
    }

    func function(valueInfo info: ValueInfo) throws -> FunctionMessage {
        let m = unsafe try arena.create(.function, as: Onnx__FunctionProto.self)
        unsafe (m.pointee.n_value_info, m.pointee.value_info) = unsafe (1, try one(Optional(valueInfo(info))))
        return unsafe m
    }

    func functionEnd(_ function: Function) throws -> FunctionMessage {
        let m = unsafe try arena.create(.function, as: Onnx__FunctionProto.self)
        unsafe (m.pointee.has_overload, m.pointee.overload) = unsafe try data(function.overload)
        unsafe (m.pointee.n_metadata_props, m.pointee.metadata_props) = unsafe (function.metadata.count, try list(function.metadata, entry))
        unsafe try unknown(function.unknownFields, of: .function, in: &m.pointee.base)
        return unsafe m
    }
}
