internal import ModelGraph
internal import Tensors
internal import ThimbleFile

extension Thimble {
    /// Looks at a file of either kind. Costs its metadata and a few samples of its weights, at any size.
    public static func inspect(_ path: String, options: InspectionOptions = InspectionOptions()) throws -> Inspection {
        let file = try open(path, options: options.open)
        return try inFile(path, orOneOf: file.paths) {
            var inspector = Inspector(file, options: options)
            file.model.visit(&inspector)
            let result = try inspector.finish()
            try file.checkUnchanged()
            return result
        }
    }
}

/// Gathers an `Inspection` on one walk through the model.
struct Inspector: ModelVisitor {
    private var result: Inspection
    private let file: ModelFile
    private let options: InspectionOptions
    private var operatorCounts: [OperatorKey: Int] = [:]
    private var typeShares: [ElementType: Inspection.TypeShare] = [:]
    private var fieldShares: [TensorOrigin.Field: Inspection.StorageShare] = [:]
    private var rows: [Inspection.TensorRow] = []
    private var candidates: [Duplicates.Candidate] = []
    private var parts: [Estimate.Part] = []
    private var text = TextCollector()

    private struct OperatorKey: Hashable {
        let domain: Name
        let opType: Name
    }

    init(_ file: ModelFile, options: InspectionOptions) {
        self.file = file
        self.options = options
        result = Inspection(path: file.path, kind: file.kind, byteCount: file.files[0].count, model: file.model)
        result.dataFiles = file.files.dropFirst().map { (path: $0.path, byteCount: $0.count) }
        result.warnings = file.warnings
        if options.listsNodes { result.nodes = [] }
    }

    mutating func enter(_ graph: Graph, at place: Place) {
        if place.steps.count > 1 { result.subgraphCount += 1 }
        text.add(graph)
    }

    mutating func enter(_ function: Function, at place: Place) {
        text.add(function)
    }

    mutating func enter(_ node: Node, at place: Place) {
        result.nodeCount += 1
        let domain = node.domain == "ai.onnx" ? "" : node.domain ?? ""
        operatorCounts[OperatorKey(domain: domain, opType: node.opType ?? ""), default: 0] += 1
        text.add(node)
        if options.listsNodes {
            result.nodes?.append(
                .init(
                    place: place.around, name: node.name, domain: node.domain, opType: node.opType, inputs: node.inputs, outputs: node.outputs,
                    attributes: node.attributes.map { (name: $0.name?.text ?? "", value: $0.summary) }))
        }
    }

    mutating func visit(_ tensor: Tensor, at place: Place) {
        let isIndices = place.steps.last == .sparseIndices
        if place.isInAttribute { result.constantCount += 1 } else if !isIndices { result.initializerCount += 1 }
        let elements = tensor.elementCount ?? 0
        let bytes = tensor.storedAs.bytes.count
        if !isIndices { result.parameterCount = checkedAdd(result.parameterCount, elements) ?? .max }
        let plain = tensor.plainByteCount ?? bytes
        result.tensorByteCount = checkedAdd(result.tensorByteCount, plain) ?? .max
        var share = typeShares[tensor.elementType] ?? .init(elementType: tensor.elementType)
        share.tensorCount += 1
        share.elementCount = checkedAdd(share.elementCount, elements) ?? .max
        share.byteCount = checkedAdd(share.byteCount, plain) ?? .max
        typeShares[tensor.elementType] = share
        if file.kind == .onnx { addField(tensor, bytes) }
        text.add(tensor)
        rows.append(.init(tensor, byteCount: plain, at: place))
        candidates.append(.init(bytes: tensor.storedAs.bytes, row: rows.count - 1))
        parts.append(.init(bytes: tensor.storedAs.bytes, elementType: tensor.elementType))
    }

    private mutating func addField(_ tensor: Tensor, _ bytes: Int) {
        var share = fieldShares[tensor.origin.field] ?? .init(encoding: tensor.origin.field.spelling, codec: "none")
        share.count += 1
        share.byteCount += bytes
        share.storedByteCount += bytes
        fieldShares[tensor.origin.field] = share
    }

    consuming func finish() throws -> Inspection {
        text.add(file.model)
        result.text = text.share
        result.operators = operatorCounts.map { .init(domain: $0.domain.text, opType: $0.opType.text, count: $1) }
            .sorted { ($1.count, Name($0.domain), Name($0.opType)) < ($0.count, Name($1.domain), Name($1.opType)) }
        result.types = typeShares.values.sorted { ($1.byteCount, $0.elementType.rawValue) < ($0.byteCount, $1.elementType.rawValue) }
        result.storage = fieldShares.values.sorted { ($1.byteCount, $0.encoding) < ($0.byteCount, $1.encoding) }
        if let thimble = file.thimble {
            result.container = .init(thimble)
            result.storage = Inspection.StorageShare.of(thimble.tables)
        }
        let order = rows.indices.sorted { (rows[$1].byteCount, $0) < (rows[$0].byteCount, $1) }
        result.largest = order.prefix(10).filter { rows[$0].byteCount > 0 }.map { rows[$0] }
        result.duplicates = try Duplicates.find(candidates, rows: rows)
        if !result.storage.contains(where: { $0.codec == "zlib" }) {
            let estimate = try Estimate.zlib(
                of: parts, metadata: try uncompressedMetadata(), fileByteCount: file.byteCount, sharedByteCount: result.duplicates.byteCount)
            result.zlibEstimate = estimate.map { $0 + (file.kind == .onnx ? Estimate.tables(nodes: result.nodeCount) : 0) }
        }
        if options.listsTensors { result.tensors = rows }
        return result
    }

    /// What lies between the values; nothing where it is compressed already.
    private func uncompressedMetadata() throws -> [TensorBytes] {
        if let container = result.container, container.metadataStoredByteCount < container.metadataRawByteCount { return [] }
        let main = file.files[0]
        let values = candidates.compactMap { $0.bytes.location }.filter { $0.source == ObjectIdentifier(main) }.sorted { $0.offset < $1.offset }
        var gaps: [TensorBytes] = []
        var end = 0
        for value in values {
            if value.offset > end { gaps.append(try TensorBytes(main, end..<value.offset)) }
            end = max(end, value.offset + value.count)
        }
        if end < main.count { gaps.append(try TensorBytes(main, end..<main.count)) }
        return gaps
    }
}

extension TensorOrigin.Field {
    /// As ONNX spells the field of `TensorProto`.
    var spelling: String {
        switch self {
        case .none: "no values"
        case .raw: "raw_data"
        case .floats: "float_data"
        case .int32s: "int32_data"
        case .strings: "string_data"
        case .int64s: "int64_data"
        case .doubles: "double_data"
        case .uint64s: "uint64_data"
        case .external: "external"
        }
    }
}
