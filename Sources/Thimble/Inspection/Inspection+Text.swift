internal import ModelGraph
internal import Tensors

extension Inspection {
    /// For people. Names are escaped.
    public var summary: String {
        var lines = heading
        lines += section("inputs", realInputs.map(\.row))
        lines += section("outputs", model.graph.outputs.map(\.row))
        lines += section("operators", operators.map { [($0.domain.isEmpty ? "" : printable($0.domain) + ":") + printable($0.opType), grouped($0.count)] }, right: [1])
        lines += section("element types", types.map { ["\($0.elementType)", counted($0.tensorCount, "tensor"), printable(bytes: $0.byteCount)] }, right: [1, 2])
        lines += section("stored as", storage.map(\.row), right: [1, 2])
        lines += section("largest tensors", largest.map(\.row), right: [2])
        lines += duplicateLines + textLines
        if let zlibEstimate, zlibEstimate < byteCount + dataFiles.reduce(0, { $0 + $1.byteCount }) {
            lines.append("with --zlib: about \(printable(bytes: zlibEstimate))")
        }
        if let nodes { lines += section("nodes", nodes.map(\.row), limit: .max) }
        if let tensors { lines += section("tensors", tensors.map(\.row), right: [2], limit: .max) }
        return lines.joined(separator: "\n") + "\n"
    }

    private var heading: [String] {
        var lines = ["\(printable(path)): \(kind == .onnx ? "ONNX" : "Thimble") model, \(printable(bytes: byteCount))"]
        for file in dataFiles { lines.append("  with \(printable(file.path)), \(printable(bytes: file.byteCount))") }
        if let name = model.producerName, !name.isEmpty {
            let version = model.producerVersion.map { $0.isEmpty ? "" : " \($0)" } ?? ""
            lines.append("  made by \(name)\(version)")
        }
        let opsets = model.opsetImports.map { "\(($0.domain?.isEmpty ?? true) ? "ai.onnx" : "\($0.domain!)") \($0.version.map(String.init) ?? "?")" }
        lines.append("  IR \(model.irVersion.map(String.init) ?? "?"), opset \(opsets.isEmpty ? "?" : opsets.joined(separator: ", "))")
        var counts = counted(nodeCount, "node")
        if subgraphCount > 0 { counts += ", \(counted(subgraphCount, "subgraph"))" }
        if !model.functions.isEmpty { counts += ", \(counted(model.functions.count, "function"))" }
        lines.append("  \(counts), \(counted(parameterCount, "parameter")) in \(counted(initializerCount + constantCount, "tensor")), \(printable(bytes: tensorByteCount))")
        if let container { lines += container.lines }
        return lines
    }

    private var duplicateLines: [String] {
        guard !duplicates.groups.isEmpty else { return [] }
        let saved = duplicates.byteCount
        let rows = duplicates.groups.map { group in
            let names = group.tensors.prefix(3).map(\.label).joined(separator: ", ")
            let more = group.tensors.count > 3 ? ", … \(group.tensors.count) in all" : ""
            let how = group.isStoredOnce ? "stored once" : group.isProved ? "" : "same size and samples"
            return [printable(bytes: group.byteCount), names + more, how]
        }
        return section(saved > 0 ? "equal tensors (\(printable(bytes: saved)) stored again)" : "equal tensors", rows, right: [0])
    }

    private var textLines: [String] {
        guard text.byteCount > 0 else { return [] }
        var lines = section(
            "text that no runtime needs (\(printable(bytes: text.byteCount)))", text.kinds.map { [$0.name, grouped($0.count), printable(bytes: $0.byteCount)] },
            right: [1, 2])
        if text.absolutePathCount > 0 {
            lines.append("  tells \(counted(text.absolutePathCount, "absolute path")), such as \(printable(text.absolutePaths[0]))")
        }
        return lines
    }

    private func section(_ title: String, _ rows: [[String]], right: Set<Int> = [], limit: Int = 20) -> [String] {
        guard !rows.isEmpty else { return [] }
        let more = rows.count > limit ? ["  … \(rows.count - limit) more (see --json)"] : []
        return ["\(title):"] + table(Array(rows.prefix(limit)), right: right) + more
    }
}

extension ValueInfo {
    fileprivate var row: [String] { [name?.description ?? "(no name)", type?.description ?? "?"] }
}

extension Inspection.StorageShare {
    fileprivate var row: [String] {
        let how = codec == "none" ? encoding : "\(encoding), \(codec)"
        return [how, grouped(count), printable(bytes: byteCount), storedByteCount == byteCount ? "" : "in \(printable(bytes: storedByteCount))"]
    }
}

extension Inspection.TensorRow {
    fileprivate var row: [String] { [label, "\(elementType)\(dimsText(dims))", printable(bytes: byteCount), encoding == "plain" ? "" : encoding] }

    /// `conv1.weight`, or the place of a tensor without a name.
    var label: String {
        let own = name.flatMap { $0.isEmpty ? nil : $0.description }
        return (place + [own ?? (place.isEmpty ? "(no name)" : "")]).filter { !$0.isEmpty }.joined(separator: ": ")
    }
}

extension Inspection.NodeRow {
    fileprivate var row: [String] {
        let op = (domain.map { $0.isEmpty || $0 == "ai.onnx" ? "" : "\($0):" } ?? "") + (opType?.description ?? "?")
        let values = attributes.map { "\(printable($0.name, limit: 40))=\($0.value)" }.joined(separator: ", ")
        let call = "(" + inputs.map(\.description).joined(separator: ", ") + ") → " + outputs.map(\.description).joined(separator: ", ")
        return [(place + [name.flatMap { $0.isEmpty ? nil : $0.description } ?? "-"]).joined(separator: ": "), op, call, values]
    }
}

extension Inspection.Container {
    fileprivate var lines: [String] {
        var lines: [String] = []
        let stored = metadataStoredByteCount == metadataRawByteCount ? "" : " (\(printable(bytes: metadataRawByteCount)) inflated)"
        lines.append("  metadata \(printable(bytes: metadataStoredByteCount))\(stored)" + (writer.map { ", written by \(printable($0))" } ?? ""))
        if modelKeys.count > 1 { lines.append("  models: " + modelKeys.map { "'\(printable($0))'" }.joined(separator: ", ")) }
        if let sourceName {
            let size = sourceByteCount.map { ", \(printable(bytes: $0))" } ?? ""
            lines.append("  from \(printable(sourceName))\(size)" + (isLossy ? ", lossy" : isSourceByteExact ? ", byte for byte" : ""))
        }
        return lines
    }
}
