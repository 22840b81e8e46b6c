public import ModelGraph
internal import CCompression
internal import Tensors

/// A model whose weights were rounded, and what was done.
public struct Quantization: Sendable {
    public let model: Model
    public let report: QuantizationReport
}

extension Quantization {
    /// Rounds the weights of `model`. The result keeps the graph: weights stand as encoded tensors where they stood; what became FLOAT16 or
    /// BFLOAT16 has a `Cast` behind it. Codes of large models lie in a nameless file in `folder` until they are written.
    public static func quantize(
        _ model: Model, options: QuantizationOptions, calibration: Calibration? = nil, folder: String, progress: @Sendable (String) -> Void = { _ in }
    ) throws -> Quantization {
        var work = try Quantizer(model, options, calibration, folder: folder)
        return try work.run(progress)
    }
}

/// One quantization at work.
struct Quantizer {
    private let model: Model
    private let options: QuantizationOptions
    private let calibration: Calibration?
    private var tensors: [Place: Tensor] = [:]
    private let weights: [Weight]
    private let store: CodeStore
    private var offset = 0

    init(_ model: Model, _ options: QuantizationOptions, _ calibration: Calibration?, folder: String) throws {
        self.model = model
        self.options = options
        self.calibration = calibration
        weights = model.weights(smallest: options.smallest, ofProducts: options.smallestOfProducts)
        try Self.checkPatterns(options, weights)
        var tensors: [Place: Tensor] = [:]
        model.forEachTensor { tensor, place in tensors[place] = tensor }
        self.tensors = tensors
        let perCode = if case .integers = options.scheme { 1 } else { 2 }
        var total = 0
        for weight in weights where weight.reasonToStay == nil && options.selects(weight.name) {
            total += ceilDivide(weight.elementCount * perCode, 4096) * 4096
        }
        store = try CodeStore(byteCount: total, folder: folder)
    }

    /// A pattern that matches nothing is a mistake, and better said before hours of work.
    private static func checkPatterns(_ options: QuantizationOptions, _ weights: [Weight]) throws {
        for pattern in options.only + options.except where !weights.contains(where: { pattern.matches($0.name.text) }) {
            let names = weights.filter { $0.reasonToStay == nil }.prefix(5).map { "'\($0.name)'" }.joined(separator: ", ")
            throw ModelError(.badArgument, "no weight matches '\(printable(pattern.description))'; there are \(names.isEmpty ? "none at all" : names + ", …")")
        }
    }

    mutating func run(_ progress: @Sendable (String) -> Void) throws -> Quantization {
        var report = QuantizationReport(), encodings: [Place: Encoding] = [:], halves: [Place: Tensor] = [:], shifts: [Place: [Float]] = [:]
        let selected = weights.count { $0.reasonToStay == nil && options.selects($0.name) }
        var done = 0
        for weight in weights {
            var row = QuantizationReport.Row(
                name: weight.name, place: weight.place, users: weight.users, elementType: weight.elementType, dims: weight.dims,
                byteCountBefore: weight.elementType.byteCount(elements: weight.elementCount) ?? 0, change: nil, reasonToStay: weight.reasonToStay)
            if row.reasonToStay == nil, !options.selects(weight.name) { row.reasonToStay = "not selected" }
            if row.reasonToStay == nil, let tensor = tensors[weight.place] {
                done += 1
                progress("quantizing weight \(done) of \(selected), '\(weight.name)'")
                try within("tensor '\(weight.name)'") {
                    if case .half(let type) = options.scheme {
                        try self.half(weight, tensor, type, &row, &halves)
                    } else {
                        try self.round(weight, tensor, &row, &encodings, &shifts)
                    }
                }
            }
            report.rows.append(row)
        }
        report.calibration = calibration?.origin
        report.notes = calibration?.notes ?? []
        var model = model
        model.updateTensors { tensor, place in
            if let encoding = encodings[place] { tensor.encoding = encoding }
        }
        if options.correctsBiases { BiasCorrection.apply(shifts, weights, to: &model, &report) }
        if !halves.isEmpty { model = try WeightReplacement.casting(model, halves) }
        return Quantization(model: model, report: report)
    }

    private mutating func room(_ byteCount: Int) throws -> CodeStore.Room {
        let range = offset..<offset + byteCount
        offset += ceilDivide(byteCount, 4096) * 4096
        return try store.room(range)
    }

    private mutating func round(
        _ weight: Weight, _ tensor: Tensor, _ row: inout QuantizationReport.Row, _ encodings: inout [Place: Encoding], _ shifts: inout [Place: [Float]]
    ) throws {
        let statistics = try calibration?.statistics(weight)
        let reader = try StripReader(tensor, weight.view)
        let rounding = WeightRounding(
            reader: reader, dims: weight.dims, options: options, statistics: statistics, stepFactor: calibration?.stepFactor(weight) ?? 1,
            rowFactors: calibration?.rowFactors(weight), isTable: weight.product?.kind == .lookups)
        let facts = try rounding.facts()
        if let odd = facts.oddRow {
            row.reasonToStay = "holds NaN or infinity, first in row \(odd)"
            return
        }
        let perCode = if case .integers = options.scheme { 1 } else { 2 }
        let rounded = try rounding.run(facts, room: try room(weight.elementCount * perCode))
        reader.release()
        let encoded = Tensor(tensor.elementType, dims: tensor.dims, encoding: .affine(rounded.encoding))
        let size = rounded.encoding.codes.count + rounded.encoding.scale.storedSize + (rounded.encoding.zeroPoint?.storedSize ?? 0)
        let deflated = try encoded.deflatedByteCount()
        // Codes without limits are for an entropy coder: those of 16-bit floats may need as many bits before it.
        let isSmaller = if case .entropy = options.scheme { try deflated.count < tensor.deflatedByteCount().count } else { size < row.byteCountBefore }
        guard isSmaller else {
            row.reasonToStay = "would not become smaller"
            return
        }
        encodings[weight.place] = encoded.encoding
        if !rounded.outputShift.isEmpty { shifts[weight.place] = rounded.outputShift }
        row.change = .init(
            bits: rounded.encoding.bits, scheme: options.scheme.description, rows: rounded.rows, isChosenInPart: rounded.isChosenInPart, byteCount: size,
            deflatedByteCount: deflated.count, isDeflatedMeasuredInPart: !deflated.isExact,
            sqnr: QuantizationReport.Change.sqnr(signal: rounded.signal, noise: rounded.noise), usedStatistics: statistics != nil)
    }

    private mutating func half(
        _ weight: Weight, _ tensor: Tensor, _ type: ElementType, _ row: inout QuantizationReport.Row, _ halves: inout [Place: Tensor]
    ) throws {
        guard (tensor.elementType.bitWidth ?? 0) > 16 else {
            row.reasonToStay = "has 16 bits already"
            return
        }
        let room = try room(weight.elementCount * 2)
        let step = 1 << 18, count = weight.elementCount, parts = ceilDivide(count, step)
        let results = StripResults<(Double, Double, Bool)>(parts)
        let source = try tensor.plainBytes(), from = tensor.elementType
        try concurrently(parts, threads: options.threads) { index in
            let range = index * step..<min(count, (index + 1) * step)
            let values = try StripReader.floats(source, from, range)
            unsafe room.withBytes { bytes in
                let target = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[range.lowerBound * 2..<range.upperBound * 2])
                unsafe values.withUnsafeBufferPointer { unsafe FloatConversion.fromFloat($0, type, into: target) }
                var back = [Float](repeating: 0, count: range.count)
                unsafe back.withUnsafeMutableBufferPointer { unsafe FloatConversion.toFloat(UnsafeRawBufferPointer(target), type, into: $0) }
                var signal = 0.0, noise = 0.0, isFinite = true
                for (value, rounded) in zip(values, back) {
                    signal += Double(value) * Double(value)
                    noise += Double(value - rounded) * Double(value - rounded)
                    isFinite = isFinite && rounded.isFinite
                }
                results[index] = (signal, noise, isFinite)
            }
            source.release(range.lowerBound * from.storageWidth..<range.upperBound * from.storageWidth)
        }
        let all = results.all()
        guard all.allSatisfy(\.2) else {
            row.reasonToStay = "holds NaN, infinity or values beyond \(type)"
            return
        }
        let half = Tensor(type, dims: tensor.dims, bytes: try room.finished(count * 2))
        let deflated = try half.deflatedByteCount()
        halves[weight.place] = half
        row.change = .init(
            bits: 16, scheme: options.scheme.description, rows: [:], isChosenInPart: false, byteCount: count * 2, deflatedByteCount: deflated.count,
            isDeflatedMeasuredInPart: !deflated.isExact,
            sqnr: QuantizationReport.Change.sqnr(signal: all.reduce(0) { $0 + $1.0 }, noise: all.reduce(0) { $0 + $1.1 }), usedStatistics: false)
    }
}

extension Tensor {
    /// Bytes of what stands for a scale or a zero point.
    var storedSize: Int {
        switch encoding {
        case .plain(let bytes): bytes.count
        case .palette(let palette): palette.indices.count + palette.table.storedSize
        default: 0
        }
    }
}
