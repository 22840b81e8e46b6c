internal import Execution
internal import ModelGraph
internal import Tensors

/// One float form of a model with the same results, watched for what its activations are like.
struct ActivationVariant {
    let model: Model
    let smoothings: [ActivationReport.Smoothing]
    let equalizedPairs: Int
    private let session: Session
    /// One for each thread.
    private let observers: [ActivationHistograms]

    init(_ model: Model, smoothings: [ActivationReport.Smoothing], equalizedPairs: Int, threads: Int) throws {
        (self.model, self.smoothings, self.equalizedPairs) = (model, smoothings, equalizedPairs)
        let region = Self.region(model), names = Array(Set(region.values)).sorted()
        session = try Session(model, options: .init(threads: 1))
        observers = (0..<max(1, threads)).map { _ in ActivationHistograms(names) }
    }

    /// With everything as integers that could be.
    static func region(_ model: Model) -> IntegerRegion {
        let uses = GraphUses(model.graph)
        return IntegerRegion(uses, weights: possibleWeights(uses), known: nil)
    }

    static func possibleWeights(_ uses: GraphUses) -> Set<Name> {
        Set(uses.constants.filter { $0.value.elementType == .float && $0.value.dims.count >= 2 }.keys)
    }

    /// Samples of different numbers may be run at the same time.
    func run(_ sample: [Name: Value], number: Int) throws { try observers[number].run(session, sample) }

    /// Of all samples run so far. Does not depend on which had which number.
    func histograms() -> [Name: ActivationHistogram] {
        for observer in observers.dropFirst() { observers[0].take(observer) }
        return observers[0].histograms
    }
}
