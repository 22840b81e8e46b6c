public import ModelGraph
internal import OnnxFile
internal import Operators
internal import Tensors
internal import ThimbleFile

/// What `Thimble.verify` found.
public struct Verification: Sendable {
    /// How a `.thimble` stands to the `.onnx` it is said to come from.
    public struct SourceProof: Equatable, Sendable {
        public var path: String
        /// Every field and every value is equal.
        public var isModelEqual: Bool
        /// Writing the model as ONNX gives the source byte for byte.
        public var isByteExact: Bool
    }

    public var path: String
    public var kind: FileKind
    /// Errors and warnings, each with its place.
    public var findings: [Finding]
    /// Nil if no source was given, or the file could not be read.
    public var source: SourceProof?

    public var errors: [Finding] { findings.filter { $0.severity == .error } }
    public var warnings: [Finding] { findings.filter { $0.severity == .warning } }
    public var isSound: Bool { errors.isEmpty }
}

extension Thimble {
    /// Checks a file wholly. A `.thimble`: structure, every checksum, every gap, that every value decodes, and the model within.
    /// An `.onnx`: that it can be read, and that the model obeys the specification. With `source`: that the `.thimble` is that
    /// `.onnx`. Throws where the system refuses; whatever is wrong with the file is a finding.
    public static func verify(_ path: String, source: String? = nil, options: OpenOptions = OpenOptions()) throws -> Verification {
        let kind = try inFile(path) { try asFinding { try FileKind(ofFileAt: path) } }
        guard case .success(let kind) = kind else { return Verification(path: path, kind: .onnx, findings: kind.findings).relative(to: path) }
        var result = Verification(path: path, kind: kind, findings: [])
        if kind == .thimble {
            let checked = try inFile(path) { try asFinding { try ThimbleFile.verify(path, options: .init(maxDecoded: options.maxDecoded)) } }
            if case .success(let findings) = checked { result.findings = findings }
            result.findings += checked.findings
            guard result.isSound else { return result.relative(to: path) }
        }
        let opened = try asFinding { try open(path, options: options) }
        guard case .success(let file) = opened else {
            result.findings += opened.findings
            return result.relative(to: path)
        }
        result.findings += file.warnings + checkModel(file.model)
        if let source { try prove(file, equals: source, options: options, &result) }
        try file.checkUnchanged()
        return result.relative(to: path)
    }

    private static func prove(_ file: ModelFile, equals path: String, options: OpenOptions, _ result: inout Verification) throws {
        let source = try open(path, options: options)
        guard let onnx = source.onnx else {
            throw ModelError(.badArgument, "is a .thimble; a source to verify against is an .onnx", at: [printable(path)])
        }
        let isByteExact = onnx.dataFiles.isEmpty ? try inFile(path) { try OnnxFile.serialization(of: file.model, equals: onnx.file) } : false
        // What is written as the same bytes is the same model; without them, every field and value is compared.
        let isEqual = try isByteExact || file.model.hasSameContent(as: source.model)
        result.source = .init(path: path, isModelEqual: isEqual, isByteExact: isByteExact)
        if !isEqual {
            let first = Comparison(file.model, source.model, limit: 1).firstDifference
            result.findings.append(Finding(.error, at: first?.place ?? [], "differs from '\(printable(path))': \(first?.sentence ?? "the values of a tensor")"))
        }
        try source.checkUnchanged()
    }

    /// What is wrong with a file is a finding; what is wrong with the system or with us is thrown.
    private static func asFinding<R>(_ body: () throws -> R) throws -> Outcome<R> {
        do {
            return .success(try body())
        } catch let error as ModelError {
            switch error.code {
            case .io, .badArgument, .internalFault: throw error
            default: return .failure(Finding(.error, at: error.place, error.message))
            }
        }
    }

    private enum Outcome<R> {
        case success(R)
        case failure(Finding)

        var findings: [Finding] {
            if case .failure(let finding) = self { [finding] } else { [] }
        }
    }
}

extension Verification {
    /// Places within the file: the file itself is said once.
    fileprivate func relative(to path: String) -> Verification {
        var copy = self
        for index in copy.findings.indices where copy.findings[index].place.first == printable(path) { copy.findings[index].place.removeFirst() }
        return copy
    }

    public var json: JSONValue {
        [
            "schema": "verify/1",
            "file": .string(path),
            "kind": .string(kind.rawValue),
            "ok": .bool(isSound),
            "errors": .int(errors.count),
            "warnings": .int(warnings.count),
            "findings": .list(findings, \.json),
            "source": source.map {
                ["file": .string($0.path), "model_equal": .bool($0.isModelEqual), "byte_exact": .bool($0.isByteExact)]
            } ?? .null,
        ]
    }

    /// One line per finding and one for all.
    public var text: String {
        var lines = findings.map { "\($0.severity.rawValue): \($0)" }
        lines.append("\(printable(path)): " + (isSound ? "sound" : counted(errors.count, "error")) + (warnings.isEmpty ? "" : ", \(counted(warnings.count, "warning"))"))
        if let source, source.isModelEqual {
            lines.append(
                source.isByteExact
                    ? "proved: converts back to \(printable(source.path)) byte for byte"
                    : "proved: the model equals that of \(printable(source.path)) in every field and value; the file was written in another way")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The one line for the error stream; nil if there are no errors.
    public var complaint: String? {
        guard let first = errors.first else { return nil }
        let more = errors.count > 1 ? " (and \(errors.count - 1) more)" : ""
        return ModelError(.invalidGraph, first.message + more, at: [printable(path)] + first.place).sentence
    }
}
