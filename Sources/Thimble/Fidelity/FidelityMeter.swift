internal import Execution
internal import ModelGraph
internal import Operators
internal import Tensors

/// Runs a reference and a candidate on the same samples and collects how far they lie apart. Keeps sums, and of one sample the values
/// that are being compared: memory does not grow with the number of samples.
struct FidelityMeter {
    private let reference: Session
    private let candidate: Session
    private let mapping: InputMapping
    /// Outputs of both by their places.
    private let places: [(reference: Int, candidate: Int)]
    private var outputs: [OutputMeter]
    private let layers: LayerMeter?
    private var result = Fidelity()

    /// `layerLimit`: compare what lies between the nodes, too, and call what is below so many dB parted.
    init(_ reference: Model, _ candidate: Model, sessions: (reference: Session, candidate: Session), layerLimit: Double? = nil) throws {
        (self.reference, self.candidate) = sessions
        mapping = try InputMapping(from: self.reference, to: self.candidate)
        let names = self.reference.outputNames, others = self.candidate.outputNames
        let isByPlace = names.count == others.count && !names.contains(where: others.contains)
        let places: [(reference: Int, candidate: Int)] = names.enumerated().compactMap { index, name in
            if isByPlace { return (index, index) }
            return others.firstIndex(of: name).map { (index, $0) }
        }
        self.places = places
        layers = layerLimit.map { LayerMeter(reference, candidate, limit: $0) }
        guard !places.isEmpty else {
            throw ModelError(.badArgument, "no output has a partner: the reference has \(Self.list(names)), the candidate \(Self.list(others))")
        }
        outputs = places.map { OutputMeter(names[$0.reference], others[$0.candidate], in: reference) }
        result.unmatchedOutputs = names.indices.filter { index in !places.contains { $0.reference == index } }.map { names[$0] }
    }

    private static func list(_ names: [Name]) -> String {
        names.prefix(10).map { "'\($0)'" }.joined(separator: ", ") + (names.count > 10 ? ", …" : "")
    }

    mutating func add(_ sample: Sample) throws {
        let watchers = layers?.observers()
        let start = monotonicSeconds()
        let expected = try reference.run(sample.values, observer: watchers?.reference)
        let middle = monotonicSeconds()
        let found = try within("candidate") { try candidate.run(mapping.values(sample.values), observer: watchers?.candidate) }
        result.referenceSeconds += middle - start
        result.candidateSeconds += monotonicSeconds() - middle
        if let failure = watchers?.candidate.failure { throw failure }
        for index in outputs.indices {
            try within("output '\(outputs[index].fidelity.name)'") {
                try outputs[index].add(expected[places[index].reference], found[places[index].candidate], sample)
            }
        }
        result.samples += 1
    }

    var fidelity: Fidelity {
        var result = result
        result.outputs = outputs.map(\.fidelity)
        result.layers = layers?.fidelity
        return result
    }
}

/// Gives the inputs of one model to another: those of the same name, or all by their places where no name is the same.
private struct InputMapping {
    /// What each input of the candidate takes: its name in the reference, and the type that the candidate declares.
    private var entries: [(source: Name, target: Name, type: ElementType?)] = []

    init(from reference: Session, to candidate: Session) throws {
        let names = (reference.inputs + reference.optionalInputs).map { $0.name ?? "" }
        let isByPlace = reference.inputs.count == candidate.inputs.count && !candidate.inputs.contains { names.contains($0.name ?? "") }
        for (index, info) in candidate.inputs.enumerated() {
            let name = info.name ?? "", source = isByPlace ? reference.inputs[index].name ?? "" : name
            guard names.contains(source) else {
                throw ModelError(.badArgument, "input '\(name)' of the candidate is none of the reference, which has \(names.prefix(10).map { "'\($0)'" }.joined(separator: ", "))")
            }
            entries.append((source, name, info.elementType))
        }
        for info in candidate.optionalInputs {
            if let name = info.name, names.contains(name) { entries.append((name, name, info.elementType)) }
        }
    }

    func values(_ values: [Name: Value]) throws -> [Name: Value] {
        var result: [Name: Value] = [:]
        for entry in entries {
            guard let value = values[entry.source] else { continue }
            result[entry.target] = try within("input '\(entry.target)'") { try Self.converted(value, to: entry.type) }
        }
        return result
    }

    /// Models of half precision often take their inputs so.
    private static func converted(_ value: Value, to type: ElementType?) throws -> Value {
        guard let type, case .tensor(let tensor) = value, tensor.elementType != type, tensor.elementType.isFloat, type.isFloat else { return value }
        let values = try tensor.floats("it"), copy = try NewElements<Float>(values.count)
        for index in 0..<values.count { copy[index] = values[index] }
        return .tensor(try Tensor.rounding(copy, to: type, tensor.dims))
    }
}

extension ValueInfo {
    fileprivate var elementType: ElementType? {
        if case .tensor(let type, _)? = type?.kind { type } else { nil }
    }
}
