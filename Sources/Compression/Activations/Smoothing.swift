internal import Execution
internal import ModelGraph
internal import Operators
internal import Tensors

/// SmoothQuant (Xiao et al., "SmoothQuant: Accurate and Efficient Post-Training Quantization for Large Language Models", 2022): X W = (X / s) (s W), where
/// s_j = max|X_j|^α / max|W_j|^(1 − α) moves the range that few channels of X need into the weights, which have scales of their own.
///
/// α is searched for each value by the error that both roundings together make in the results of all products that read it, on rows that the samples gave. The
/// division goes into the constants of the nodes before where that is possible, else into a `Mul`.
struct Smoothing {
    let threads: Int
    let elementType: ElementType
    let progress: @Sendable (String) -> Void

    static let mostRows = 384
    /// A `Mul` must bring as much, as a share of the noise; what is folded costs nothing.
    private static let leastOfMul = 0.8
    private static let leastOfFolding = 0.95

    /// A value with the products that read it.
    private struct Site {
        let value: Name
        let layers: [IntegerRegion.Layer]
    }

    /// The model with smoothed values, and what was done; `samples` are run once.
    func apply(to model: Model, samples: [[Name: Value]], weights: Set<Name>) throws -> (model: Model, done: [ActivationReport.Smoothing]) {
        var uses = GraphUses(model.graph)
        let region = IntegerRegion(uses, weights: weights, known: nil)
        let sites = Self.sites(region, uses)
        guard !sites.isEmpty, !samples.isEmpty else { return (model, []) }
        progress("looking for channels to smooth")
        let rows = RowSamples(sites.map(\.value), most: Self.mostRows, runs: samples.count)
        let session = try Session(model, options: .init(threads: threads))
        for sample in samples { try rows.run(session, sample) }
        var editing = ConstantEditing(model), behind: [Int: [Node]] = [:], done: [ActivationReport.Smoothing] = []
        for (number, site) in sites.enumerated() {
            guard let seen = rows.rows[site.value], seen.isFinite, seen.count > 0 else { continue }
            progress("smoothing value \(number + 1) of \(sites.count), '\(site.value)'")
            guard let found = try search(site, seen, uses) else { continue }
            let isAlone = Set(uses.readers[site.value] ?? []) == Set(site.layers.map(\.node))
            let folding = isAlone ? ChannelFolding(uses, value: site.value, by: found.factors) : nil
            guard found.after < found.before * (folding == nil ? Self.leastOfMul : Self.leastOfFolding) else { continue }
            if let folding {
                for change in folding.changes { try editing.set(change.node, change.input, "smoothed", change.values, change.dims) }
            } else {
                let factor = try editing.add("\(site.value.text)_smoothing", found.factors.map { 1 / $0 }, [found.factors.count])
                let smooth = editing.fresh("\(site.value.text)_smoothed")
                behind[uses.makers[site.value] ?? -1, default: []].append(
                    Node("Mul", name: editing.fresh("\(site.value.text)_smooth"), inputs: [site.value, factor], outputs: [smooth]))
                for layer in site.layers { editing.rename(site.value, to: smooth, in: layer.node) }
            }
            for layer in site.layers {
                let scaled = Self.scaled(layer, by: found.factors, uses)
                try editing.set(layer.node, 1, "smoothed", scaled.values, scaled.dims)
            }
            // The constants of the next value are those that this one left.
            uses = GraphUses(editing.model.graph)
            done.append(
                .init(
                    name: site.value, strength: found.strength, isFolded: folding != nil, before: OutputNoise.decibels(found.before),
                    after: OutputNoise.decibels(found.after)))
        }
        return (editing.finish(behind), done)
    }

    private static func sites(_ region: IntegerRegion, _ uses: GraphUses) -> [Site] {
        var layers: [Name: [IntegerRegion.Layer]] = [:], others: Set<Name> = []
        for layer in region.layers {
            if ["MatMul", "Gemm"].contains(uses.nodes[layer.node].opType), uses.constants[layer.weight]?.dims.count == 2 {
                layers[layer.input, default: []].append(layer)
            } else {
                others.insert(layer.input)
            }
        }
        // What other integer nodes read has to stay as it is.
        let products = Set(region.layers.map(\.node))
        for index in region.nodes where !products.contains(index) { others.formUnion(uses.nodes[index].inputs) }
        return region.values.compactMap { name in
            guard let readers = layers[name], !others.contains(name) else { return nil }
            return Site(value: name, layers: readers)
        }
    }

    // MARK: - the search

    private func search(_ site: Site, _ rows: RowSamples.Rows, _ uses: GraphUses) throws -> (factors: [Float], strength: Double, before: Double, after: Double)? {
        let weights = site.layers.compactMap { matrix($0, uses) }
        guard weights.count == site.layers.count, weights.allSatisfy({ $0.rows == rows.channels }) else { return nil }
        var greatest = [Float](repeating: 0, count: rows.channels)
        for weight in weights {
            for channel in greatest.indices {
                for column in 0..<weight.columns { greatest[channel] = max(greatest[channel], abs(weight.values[channel * weight.columns + column])) }
            }
        }
        let meter = try ProductMeter(rows, weights, elementType, threads: threads)
        let before = try meter.noise([Float](repeating: 1, count: rows.channels))
        var best: (factors: [Float], strength: Double, noise: Double)?
        func look(_ strength: Double) throws {
            let factors = zip(rows.greatest, greatest).map { x, w -> Float in
                guard x > 0, w > 0 else { return 1 }
                let factor = Float((strength * Double(x).logarithm10 - (1 - strength) * Double(w).logarithm10).powerOfTen)
                return min(max(factor, 1e-4), 1e4)
            }
            let noise = try meter.noise(factors)
            if noise < best?.noise ?? .infinity { best = (factors, strength, noise) }
        }
        for step in 1...9 { try look(Double(step) / 10) }
        if let middle = best?.strength { for offset in [-0.05, 0.05] { try look(middle + offset) } }
        return best.map { ($0.factors, $0.strength, before, $0.noise) }
    }

    private func matrix(_ layer: IntegerRegion.Layer, _ uses: GraphUses) -> ProductMeter.Matrix? {
        let name = uses.nodes[layer.node].inputs[1]
        guard let values = uses.floats(name), let dims = uses.constants[name]?.dims, dims.count == 2 else { return nil }
        guard uses.nodes[layer.node].opType == "Gemm", uses.nodes[layer.node].integer("transB", default: 0) != 0 else {
            return .init(rows: dims[0], columns: dims[1], values: values)
        }
        var turned = [Float](repeating: 0, count: values.count)
        for row in 0..<dims[0] { for column in 0..<dims[1] { turned[column * dims[0] + row] = values[row * dims[1] + column] } }
        return .init(rows: dims[1], columns: dims[0], values: turned)
    }

    private static func scaled(_ layer: IntegerRegion.Layer, by factors: [Float], _ uses: GraphUses) -> (values: [Float], dims: [Int]) {
        let name = uses.nodes[layer.node].inputs[1], values = uses.floats(name) ?? [], dims = uses.constants[name]?.dims ?? []
        let isTurned = uses.nodes[layer.node].opType == "Gemm" && uses.nodes[layer.node].integer("transB", default: 0) != 0
        let columns = dims.last ?? 1
        return (values.enumerated().map { $1 * factors[isTurned ? $0 % columns : $0 / columns] }, dims)
    }
}
