internal import Compression
internal import ModelGraph
internal import OnnxFile
internal import Operators
internal import Tensors
internal import ThimbleFile

extension Thimble {
    /// Converts `input` to `output`, without loss unless the options ask for a change; the kind of the input follows from its content, that of the output from its
    /// ending. Without `output`: beside the input, with the other ending.
    ///
    /// The output appears whole or not at all. Refused: a model with errors (see `verify`), an output that exists unless
    /// `options.replacing`, one that is the input itself, a source that changes meanwhile.
    public static func convert(_ input: String, to output: String? = nil, options: ConversionOptions = .init()) throws -> ConversionReport {
        let start = monotonicSeconds()
        let source = try open(input, options: options.open)
        let target = output ?? defaultOutput(for: input, of: source.kind)
        guard let kind = FileKind(ending: target) else {
            throw ModelError(.badArgument, "an output ends in .thimble or .onnx", at: [printable(target)])
        }
        try checkTarget(target, source: source, replacing: options.replacing)
        let findings = checkModel(source.model)
        try refuseErrors(in: findings, of: input)
        let changed = try inFile(input) { try Transformation(source.model, options) }
        try source.checkUnchanged()
        // What is quantized is what the passes left.
        var base = source
        base.model = changed.model
        let samples = (options.quantization?.calibration ?? []) + (options.quantization?.verification ?? [])
        var report = try inFile(input, orOneOf: [target] + source.paths + samples) {
            let quantizing = try options.quantization.map { try Quantizing(base, $0, folder: folder(of: target), progress: options.progress) }
            var report = switch kind {
            case .thimble: try writeThimble(source, changed, quantizing, to: target, options: options)
            case .onnx: try writeOnnx(source, changed, quantizing, to: target, options: options)
            }
            report.add(quantizing)
            return report
        }
        report.warnings += source.warnings + findings
        (report.simplification, report.strip) = (changed.simplification, changed.strip)
        report.seconds = monotonicSeconds() - start
        return report
    }

    /// `input` with the other kind's ending in place of its own, or behind it.
    static func defaultOutput(for input: String, of kind: FileKind) -> String {
        guard let ending = FileKind(ending: input)?.ending else { return input + kind.other.ending }
        return String(input.dropLast(ending.count)) + kind.other.ending
    }

    /// Where `path` lies, as a folder to open.
    private static func folder(of path: String) -> String {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 1 ? "." : parts.count == 2 && parts[0].isEmpty ? "/" : parts.dropLast().joined(separator: "/")
    }

    private static func checkTarget(_ target: String, source: ModelFile, replacing: Bool) throws {
        guard let identity = FileIdentity(target) else { return }
        if source.files.contains(where: { $0.isSameFile(device: identity.device, inode: identity.inode) }) {
            throw ModelError(.badArgument, "is the input itself; give another name with -o", at: [printable(target)])
        }
        if identity.isFolder { throw ModelError(.io, "is a folder, not a file to write", at: [printable(target)]) }
        guard replacing else { throw ModelError(.io, "exists already; give --force to replace it", at: [printable(target)]) }
    }

    private static func refuseErrors(in findings: [Finding], of input: String) throws {
        let errors = findings.filter { $0.severity == .error }
        guard let first = errors.first else { return }
        let more = errors.count > 1 ? " (and \(errors.count - 1) more; 'thimble verify \(printable(input))' lists them)" : ""
        throw ModelError(.invalidGraph, first.message + more, at: [printable(input)] + first.place)
    }

    private static func writeThimble(
        _ source: ModelFile, _ changed: Transformation, _ quantizing: Quantizing?, to target: String, options: ConversionOptions
    ) throws -> ConversionReport {
        let model = quantizing?.model ?? changed.model
        // Nobody can get a source back from a model that was changed.
        var facts = quantizing == nil && !changed.isChange ? try sourceFacts(of: source) : nil
        if quantizing != nil {
            facts = ThimbleFile.Source(fileName: Name(fileName(source.path)))
            facts?.isLossy = true
        }
        let kept = source.thimble?.extra.filter { $0.key != ConversionOptions.extraKey } ?? []
        let written = try ThimbleFile.write(
            model, to: target,
            options: .init(
                zlib: options.zlib, plainMetadata: options.plainMetadata, threads: options.threads, replacing: options.replacing,
                largest: quantizing == nil || options.replacing ? nil : source.byteCount, source: facts,
                extra: kept + [KeyValue(key: ConversionOptions.extraKey, value: Name(options.canonical))],
                beforeCommit: { try source.checkUnchanged() }))
        return ConversionReport(
            input: source.path, output: target, inputKind: source.kind, outputKind: .thimble, inputByteCount: source.byteCount,
            outputByteCount: written.byteCount, tensorCount: model.tensorCount, tensorByteCount: written.plainByteCount,
            sharedByteCount: written.sharedByteCount, isByteExact: quantizing == nil ? facts?.isByteExact : nil)
    }

    private static func writeOnnx(
        _ source: ModelFile, _ changed: Transformation, _ quantizing: Quantizing?, to target: String, options: ConversionOptions
    ) throws -> ConversionReport {
        let export = try quantizing.map { try onnxExport($0.model, options.quantization?.onnxForm ?? .dequantize) }
        let model = export?.model ?? changed.model
        let written = try OnnxFile.write(
            model, to: target,
            options: .init(
                replacing: options.replacing, largest: quantizing == nil || options.replacing ? nil : source.byteCount,
                externalData: options.externalData ? .always : .automatic,
                beforeCommit: { try source.checkUnchanged() }))
        var report = ConversionReport(
            input: source.path, output: target, inputKind: source.kind, outputKind: .onnx, inputByteCount: source.byteCount,
            outputByteCount: written.byteCount + (written.dataFile?.byteCount ?? 0), tensorCount: model.tensorCount)
        report.exportNotes = export?.notes ?? []
        report.dataFile = written.dataFile?.path
        if let facts = source.thimble?.entries.first?.source, written.dataFile == nil, quantizing == nil, !changed.isChange {
            report.isByteExact = facts.isByteExact && facts.byteCount == written.byteCount
        }
        return report
    }

    private static func onnxExport(_ model: Model, _ form: QuantizationRequest.OnnxForm) throws -> (model: Model, notes: [String]) {
        if form == .float { return (model, []) }
        let export = try OnnxExport.export(model, usesNBits: form == .nbits)
        return (export.model, export.notes)
    }

    /// What the `.thimble` remembers of the file it came from.
    private static func sourceFacts(of source: ModelFile) throws -> ThimbleFile.Source? {
        guard let onnx = source.onnx else { return source.thimble?.entries.first?.source }
        guard onnx.dataFiles.isEmpty else { return .init(fileName: Name(fileName(source.path))) }
        return .init(
            fileName: Name(fileName(source.path)), byteCount: onnx.file.count,
            crc32: onnx.file.count <= largestChecksummedSource ? checksum(of: onnx.file) : nil,
            isByteExact: try OnnxFile.serialization(of: source.model, equals: onnx.file))
    }

    /// Beyond it the checksum of the whole source would show in the time of the conversion; each segment has one of its own.
    static let largestChecksummedSource = 16 << 20
}
