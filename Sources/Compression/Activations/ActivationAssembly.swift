internal import ModelGraph
internal import Tensors

/// Puts together models from one rounding of the weights and one set of histograms.
struct ActivationAssembly {
    private let model: Model
    private let uses: GraphUses
    private let histograms: [Name: ActivationHistogram]
    private let weights: [Name: IntegerWeight]
    private let known: Set<Name>
    private let elementType: ElementType

    /// `model`: with encoded weights.
    init(_ model: Model, _ histograms: [Name: ActivationHistogram], _ elementType: ElementType) {
        (self.model, self.histograms, self.elementType) = (model, histograms, elementType)
        let uses = GraphUses(model.graph)
        self.uses = uses
        var weights: [Name: IntegerWeight] = [:]
        for (name, tensor) in uses.constants {
            guard let weight = IntegerWeight(tensor) else { continue }
            if uses.readers[name, default: []].allSatisfy({ !IntegerRegion.products.contains(uses.nodes[$0].opType ?? "") || weight.suits(uses.nodes[$0]) }) {
                weights[name] = weight
            }
        }
        self.weights = weights
        known = Set(histograms.filter { !$0.value.isEmpty && $0.value.oddCount == 0 }.keys)
    }

    /// The same with other histograms of the same values.
    func with(_ histograms: [Name: ActivationHistogram]) -> ActivationAssembly { ActivationAssembly(model, histograms, elementType) }

    func region(except: Set<Name> = []) -> IntegerRegion {
        IntegerRegion(uses, weights: Set(weights.keys), known: known, except: except)
    }

    /// One for each value that others take theirs from: of all values that share it.
    func grids(_ region: IntegerRegion, _ plan: RangePlan) -> [Name: ActivationGrid] {
        var grids: [Name: ActivationGrid] = [:]
        for (name, histogram) in merged(region) { grids[name] = RangeSearch(histogram: histogram).grid(plan[name], elementType) }
        return grids
    }

    /// Values that share a scale, those whose codes lose most first.
    func groups(_ region: IntegerRegion, _ plan: RangePlan) -> [[Name]] {
        let grids = grids(region, plan)
        var groups: [Name: [Name]] = [:]
        for name in region.values { groups[region.shared[name] ?? name, default: []].append(name) }
        let shares = merged(region).map { name, histogram -> (name: Name, share: Double) in
            let signal = histogram.signal
            return (name, signal > 0 ? grids[name].map { histogram.noise($0) / signal } ?? 0 : 0)
        }
        return shares.sorted { ($1.share, $0.name) < ($0.share, $1.name) }.compactMap { groups[$0.name] }
    }

    private func merged(_ region: IntegerRegion) -> [Name: ActivationHistogram] {
        var merged: [Name: ActivationHistogram] = [:]
        for name in region.values {
            guard let histogram = histograms[name] else { continue }
            merged[region.shared[name] ?? name, default: ActivationHistogram()].add(histogram)
        }
        return merged
    }

    /// `except`: first outputs of products that stay floats.
    func model(_ plan: RangePlan, except: Set<Name> = []) throws -> (model: Model, region: IntegerRegion, notes: [String]) {
        let region = region(except: except)
        let made = try QDQGraph.build(model, region, uses, grids: grids(region, plan), weights: weights)
        return (made.model, region, made.notes)
    }

    /// All integer products: first output, label, and by how much the codes of its input are off, as noise by signal.
    func layers(_ plan: RangePlan) -> [(output: Name, label: String, share: Double)] {
        let region = region(), grids = grids(region, plan)
        return region.layers.map { layer in
            let node = uses.nodes[layer.node]
            guard let grid = grids[region.shared[layer.input] ?? layer.input], let histogram = histograms[layer.input] else { return (node.outputs[0], node.label, 0) }
            let signal = histogram.signal
            return (node.outputs[0], node.label, signal > 0 ? histogram.noise(grid) / signal : 0)
        }
    }

    func describe(_ region: IntegerRegion, _ plan: RangePlan, _ report: inout ActivationReport) {
        let grids = grids(region, plan)
        for name in region.values {
            guard let grid = grids[region.shared[name] ?? name], let histogram = histograms[name] else { continue }
            report.rows.append(
                .init(
                    name: name, seen: (histogram.least, histogram.greatest), range: grid.range, scale: grid.scale, zeroPoint: grid.zero, method: plan[region.shared[name] ?? name],
                    sqnr: QuantizationReport.Change.sqnr(signal: histogram.signal, noise: histogram.noise(grid))))
        }
        report.integerNodes = region.nodes.count
        report.integerProducts = region.layers.count
        let integers = Set(region.layers.map(\.node)), given = Set(report.floatLayers.map(\.label))
        for (index, node) in uses.nodes.enumerated() where node.isStandard && IntegerRegion.products.contains(node.opType ?? "") && !integers.contains(index) {
            if !given.contains(node.label) { report.floatLayers.append(.init(label: node.label, reason: reason(node))) }
        }
    }

    private func reason(_ node: Node) -> String {
        guard node.inputs.count > 1 else { return "has no weights" }
        let (input, weight) = (node.inputs[0], node.inputs[1])
        if !uses.isConstant(weight) { return "multiplies two activations" }
        if weights[weight] == nil { return "its weights are no codes of 8 bits" }
        if uses.isConstant(input) { return "its input is a constant" }
        if let odd = histograms[input]?.oddCount, odd > 0 { return "its input holds NaN or infinity" }
        if !known.contains(input) { return "its input is no FLOAT tensor, or no sample reached it" }
        return "transA, alpha or beta are not what integer products take"
    }
}
