internal import ModelGraph
internal import Tensors

extension Inspection {
    public var json: JSONValue {
        var members: [(key: String, value: JSONValue)] = [
            ("schema", "inspect/1"),
            ("file", .string(path)),
            ("kind", .string(kind.rawValue)),
            ("bytes", .int(byteCount)),
            ("data_files", .list(dataFiles) { ["file": .string($0.path), "bytes": .int($0.byteCount)] }),
            ("container", container.map(\.json) ?? .null),
            ("ir_version", .optional(model.irVersion.map { Int($0) })),
            ("opset_imports", .list(model.opsetImports) { ["domain": .string($0.domain?.text ?? ""), "version": .optional($0.version.map { Int($0) })] }),
            ("producer_name", .name(model.producerName)),
            ("producer_version", .name(model.producerVersion)),
            ("domain", .name(model.domain)),
            ("model_version", .optional(model.modelVersion.map { Int($0) })),
            ("graph_name", .name(model.graph.name)),
            ("inputs", .list(realInputs, \.json)),
            ("outputs", .list(model.graph.outputs, \.json)),
        ]
        members += [
            ("nodes_count", .int(nodeCount)),
            ("subgraphs_count", .int(subgraphCount)),
            ("functions_count", .int(model.functions.count)),
            ("initializers_count", .int(initializerCount)),
            ("constants_count", .int(constantCount)),
            ("parameters", .int(parameterCount)),
            ("tensor_bytes", .int(tensorByteCount)),
            ("operators", .list(operators) { ["domain": .string($0.domain), "op_type": .string($0.opType), "count": .int($0.count)] }),
            ("element_types", .list(types, \.json)),
            ("storage", .list(storage, \.json)),
            ("largest", .list(largest, \.json)),
            ("duplicates", duplicates.json),
            ("unneeded_text", text.json),
            ("zlib_bytes_estimate", .optional(zlibEstimate)),
            ("warnings", .list(warnings, \.json)),
        ]
        if let nodes { members.append(("nodes", .list(nodes, \.json))) }
        if let tensors { members.append(("tensors", .list(tensors, \.json))) }
        return .object(members)
    }

    /// Inputs that a caller must give: those with an initializer have a default.
    var realInputs: [ValueInfo] {
        let initialized = Set(model.graph.initializers.compactMap(\.name) + model.graph.sparseInitializers.compactMap { $0.values?.name })
        return model.graph.inputs.filter { input in input.name.map { !initialized.contains($0) } ?? true }
    }
}

extension ValueInfo {
    fileprivate var json: JSONValue {
        var members: [(key: String, value: JSONValue)] = [("name", .name(name)), ("type", .optional(type?.description))]
        if case .tensor(let elementType, let shape)? = type?.kind {
            members.append(("element_type", .optional(elementType?.description)))
            members.append(("dims", shape.map { .list($0.dims, \.json) } ?? .null))
        }
        return .object(members)
    }
}

extension Dimension {
    /// A number, the symbol's name, or null for unknown.
    fileprivate var json: JSONValue {
        switch size {
        case .unknown: .null
        case .value(let value): .int(Int(value))
        case .symbol(let name): .name(name)
        }
    }
}

extension Inspection.Container {
    fileprivate var json: JSONValue {
        [
            "writer": .optional(writer), "requires": .list(requires, JSONValue.string), "models": .list(modelKeys, JSONValue.string),
            "metadata_bytes": .int(metadataStoredByteCount), "metadata_raw_bytes": .int(metadataRawByteCount),
            "source_name": .optional(sourceName), "source_bytes": .optional(sourceByteCount), "source_byte_exact": .bool(isSourceByteExact),
            "lossy": .bool(isLossy),
        ]
    }
}

extension Inspection.TypeShare {
    fileprivate var json: JSONValue {
        [
            "element_type": .string(elementType.description), "tensors": .int(tensorCount), "elements": .int(elementCount),
            "bytes": .int(byteCount),
        ]
    }
}

extension Inspection.StorageShare {
    fileprivate var json: JSONValue {
        [
            "encoding": .string(encoding), "codec": .string(codec), "count": .int(count), "bytes": .int(byteCount),
            "stored_bytes": .int(storedByteCount),
        ]
    }
}

extension Inspection.TensorRow {
    var json: JSONValue {
        [
            "name": .name(name), "place": .list(place, JSONValue.string), "element_type": .string(elementType.description),
            "dims": .list(dims, JSONValue.int), "encoding": .string(encoding), "bytes": .int(byteCount),
        ]
    }
}

extension Inspection.NodeRow {
    fileprivate var json: JSONValue {
        [
            "place": .list(place, JSONValue.string), "name": .name(name), "domain": .name(domain), "op_type": .name(opType),
            "inputs": .list(inputs) { .string($0.text) }, "outputs": .list(outputs) { .string($0.text) },
            "attributes": .list(attributes) { ["name": .string($0.name), "value": .string($0.value)] },
        ]
    }
}

extension Duplicates {
    fileprivate var json: JSONValue {
        [
            "wasted_bytes": .int(byteCount),
            "groups": .list(groups) { group in
                [
                    "bytes": .int(group.byteCount), "stored_once": .bool(group.isStoredOnce), "compared_wholly": .bool(group.isProved),
                    "tensors": .list(group.tensors) { ["name": .name($0.name), "place": .list($0.place, JSONValue.string)] },
                ]
            },
        ]
    }
}

extension TextShare {
    fileprivate var json: JSONValue {
        [
            "bytes": .int(byteCount),
            "kinds": .list(kinds) { ["name": .string($0.name), "count": .int($0.count), "bytes": .int($0.byteCount)] },
            "absolute_paths": .list(absolutePaths, JSONValue.string), "absolute_paths_count": .int(absolutePathCount),
            "searched_wholly": .bool(isSearchedWholly),
        ]
    }
}
