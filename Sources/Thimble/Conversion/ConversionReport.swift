public import Compression
public import ModelGraph
public import Simplification
internal import Tensors

/// What a conversion did.
public struct ConversionReport: Sendable {
    public var input: String
    public var output: String
    public var inputKind: FileKind
    public var outputKind: FileKind
    /// With external data.
    public var inputByteCount: Int
    public var outputByteCount: Int
    /// The file of external data beside an `.onnx` output, if there is one.
    public var dataFile: String?
    /// Tensors with values, wherever they stand: initializers, attributes, subgraphs, functions.
    public var tensorCount: Int
    /// Bytes of their values as plain elements; nil where the writer does not count them.
    public var tensorByteCount: Int?
    /// Bytes that were not stored because an equal tensor was.
    public var sharedByteCount: Int?
    /// Whether converting back gives the source byte for byte (output `.thimble`), or this output is the source byte for byte
    /// (output `.onnx`). Nil if nothing is known, as for models with external data, or none of them came from an `.onnx`.
    public var isByteExact: Bool?
    /// What was simplified and stripped; nil where it was not asked for.
    public var simplification: SimplificationReport?
    public var strip: StripReport?
    /// What became of each weight; nil without `--quantize`.
    public var quantization: QuantizationReport?
    /// What became of the activations; nil without `--activations`.
    public var activations: ActivationReport?
    /// How the outputs of both models compare, where samples were given.
    public var fidelity: Fidelity?
    /// How quantized weights stand in an `.onnx`.
    public var exportNotes: [String] = []
    public var warnings: [Finding] = []
    public var seconds: Double = 0

    /// Input size by output size; above 1: the output is smaller.
    public var ratio: Double { Double(inputByteCount) / Double(max(outputByteCount, 1)) }
}

extension ConversionReport {
    public var json: JSONValue {
        [
            "schema": "convert/1",
            "input": .string(input),
            "output": .string(output),
            "input_kind": .string(inputKind.rawValue),
            "output_kind": .string(outputKind.rawValue),
            "bytes_before": .int(inputByteCount),
            "bytes_after": .int(outputByteCount),
            "ratio": .number(rounded(ratio, 4)),
            "data_file": .optional(dataFile),
            "tensors": .int(tensorCount),
            "tensor_bytes": .optional(tensorByteCount),
            "shared_bytes": .optional(sharedByteCount),
            "byte_exact": .optional(isByteExact),
            "simplify": simplification?.json ?? .null,
            "strip": strip?.json ?? .null,
            "quantization": quantization?.json ?? .null,
            "activations": activations?.json ?? .null,
            "fidelity": fidelity?.json ?? .null,
            "export_notes": .list(exportNotes, JSONValue.string),
            "warnings": .list(warnings, \.json),
            "seconds": .number(rounded(seconds, 6)),
        ]
    }

    /// A few lines for people, without warnings.
    public var text: String {
        var lines = ["\(printable(input)) → \(printable(output))"]
        lines.append("  \(sizes), \(counted(tensorCount, "tensor")), \(decimals(seconds * 1000, 1)) ms")
        if let simplification { lines.append("  " + simplification.line) }
        if let strip { lines += strip.lines.map { "  " + $0 } }
        if let dataFile { lines.append("  external data in \(printable(dataFile))") }
        if let sharedByteCount, sharedByteCount > 0 { lines.append("  equal tensors stored once: \(printable(bytes: sharedByteCount)) saved") }
        if let sentence = exactness { lines.append("  " + sentence) }
        lines += exportNotes.map { "  \($0)" }
        if let quantization { lines += quantization.lines }
        if let activations { lines += activations.lines }
        if let fidelity { lines += fidelity.summary }
        if outputByteCount > inputByteCount, outputByteCount - inputByteCount > inputByteCount / 100 {
            lines.append("  the output is larger than the input by \(printable(bytes: outputByteCount - inputByteCount))")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// `90.3 MB → 74.1 MB (1.22 times smaller)`.
    var sizes: String {
        let sizes = "\(printable(bytes: inputByteCount)) → \(printable(bytes: outputByteCount))"
        return ratio >= 1.005 ? sizes + " (\(decimals(ratio, 2)) times smaller)" : sizes
    }

    private var exactness: String? {
        switch (outputKind, isByteExact) {
        case (.thimble, true?): "lossless: converts back to the source byte for byte"
        case (.thimble, false?): "lossless: converts back to an equal model; not byte for byte, as the source was written in another way"
        case (.onnx, true?): "equals the source of the .thimble byte for byte"
        default: nil
        }
    }
}

extension Finding {
    var json: JSONValue {
        ["severity": .string(severity.rawValue), "place": .list(place, JSONValue.string), "message": .string(message)]
    }
}

extension ConversionReport {
    mutating func add(_ quantizing: Quantizing?) {
        guard let quantizing else { return }
        quantization = quantizing.report
        activations = quantizing.activations
        fidelity = quantizing.fidelity
        if let warning = quantizing.warning { warnings.insert(Finding(.warning, at: [], warning), at: 0) }
    }
}

extension Fidelity {
    /// A line for each output.
    var summary: [String] {
        outputs.prefix(10).map { output in
            let decibels = output.error.sqnrDecibels.map { "\(decimals($0, 2)) dB" } ?? (output.isEqual ? "equal" : "no signal")
            let agreement = output.top1.map { ", top-1 agreement \(percent($0.share)) of \(grouped($0.rows))" } ?? ""
            return "  output '\(output.name)' on \(counted(samples, "sample")): \(decibels), cosine \(output.error.cosine.map { decimals($0, 6) } ?? "none")\(agreement)"
        }
    }
}
