internal import ModelGraph
internal import Tensors

/// Puts `QuantizeLinear` and `DequantizeLinear` around the integer nodes of a graph, and biases into the 32-bit integers that sums of products are.
struct QDQGraph {
    private var model: Model
    private let region: IntegerRegion
    private let uses: GraphUses
    private var names: FreshNames
    private var constants: [Tensor] = []
    /// Nodes to stand behind a node, by its index; −1: before all.
    private var behind: [Int: [Node]] = [:]
    /// Layers whose biases stay floats, and why.
    private(set) var notes: [String] = []

    /// `model` has encoded weights; `uses` and `region` are those of its graph, and `weights` those that become codes with a `DequantizeLinear` behind them.
    static func build(
        _ model: Model, _ region: IntegerRegion, _ uses: GraphUses, grids: [Name: ActivationGrid], weights: [Name: IntegerWeight]
    ) throws -> (model: Model, notes: [String]) {
        var graph = QDQGraph(model, region, uses)
        graph.weights = weights.filter { name, _ in region.layers.contains { $0.weight == name } }
        graph.quantizeValues(grids)
        try graph.quantizeBiases(grids)
        graph.storeWeights()
        graph.finish()
        return (graph.model, graph.notes)
    }

    private var weights: [Name: IntegerWeight] = [:]

    private init(_ model: Model, _ region: IntegerRegion, _ uses: GraphUses) {
        (self.model, self.region, self.uses) = (model, region, uses)
        names = FreshNames(model)
    }

    private mutating func fresh(_ text: String) -> Name { names.make(text) }

    private mutating func constant(_ text: String, _ tensor: Tensor) -> Name {
        var tensor = tensor
        let name = fresh(text)
        tensor.name = name
        constants.append(tensor)
        return name
    }

    // MARK: - activations

    private mutating func quantizeValues(_ grids: [Name: ActivationGrid]) {
        var parameters: [Name: (scale: Name, zero: Name)] = [:]
        for name in region.values {
            let root = region.shared[name] ?? name
            guard let grid = grids[root] else { continue }
            if parameters[root] == nil {
                let scale = constant("\(root.text)_scale", Tensor(.float, dims: [], bytes: TensorBytes(grid.scale.bytes)))
                let zero = constant("\(root.text)_zero_point", Tensor(grid.elementType, dims: [], bytes: TensorBytes([UInt8(truncatingIfNeeded: grid.zero)])))
                parameters[root] = (scale, zero)
            }
            guard let (scale, zero) = parameters[root] else { continue }
            let codes = fresh("\(name.text)_quantized"), back = fresh("\(name.text)_dequantized")
            behind[uses.makers[name] ?? -1, default: []] += [
                Node("QuantizeLinear", name: fresh("\(name.text)_QuantizeLinear"), inputs: [name, scale, zero], outputs: [codes]),
                Node("DequantizeLinear", name: fresh("\(name.text)_DequantizeLinear"), inputs: [codes, scale, zero], outputs: [back]),
            ]
            let isMade = region.made.contains(name)
            for reader in uses.readers[name] ?? [] where isMade || region.nodes.contains(reader) { replace(name, by: back, in: reader) }
        }
    }

    /// Of an integer node only what it takes as codes.
    private mutating func replace(_ name: Name, by other: Name, in reader: Int) {
        for input in model.graph.nodes[reader].inputs.indices where model.graph.nodes[reader].inputs[input] == name { model.graph.nodes[reader].inputs[input] = other }
    }

    // MARK: - biases

    /// A code is of scale input scale · weight scale, as the sums are.
    private mutating func quantizeBiases(_ grids: [Name: ActivationGrid]) throws {
        for layer in region.layers {
            guard let bias = layer.bias, let grid = grids[region.shared[layer.input] ?? layer.input], var weight = weights[layer.weight] else { continue }
            guard let values = uses.floats(bias), let tensor = uses.constants[bias], weight.axis == nil || weight.scales.count == values.count,
                tensor.dims.count(where: { $0 != 1 }) <= 1, tensor.dims.last ?? 1 == values.count
            else {
                notes.append("the bias of \(uses.nodes[layer.node].label) is no constant vector and stays FLOAT")
                continue
            }
            if weight.axis != nil {
                try weight.raise(to: values.map { abs($0) / (grid.scale * 0x1p29) })
                weights[layer.weight] = weight
            }
        }
        // Layers may share weights: all scales stand only now.
        for layer in region.layers {
            guard let bias = layer.bias, let grid = grids[region.shared[layer.input] ?? layer.input], let weight = weights[layer.weight],
                let values = uses.floats(bias), weight.axis == nil || weight.scales.count == values.count, uses.constants[bias]?.dims.last ?? 1 == values.count
            else { continue }
            let scales = weight.scales.map { grid.scale * $0 }
            let numbers = values.enumerated().map { ($1 / scales[scales.count == 1 ? 0 : $0]).rounded(.toNearestOrEven) }
            guard numbers.allSatisfy({ abs($0) <= 0x1p30 }) else {
                notes.append("the bias of \(uses.nodes[layer.node].label) is too large for integers of its scale and stays FLOAT")
                continue
            }
            let codes = numbers.flatMap { number in [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: Int32(number) >> $0) } }
            let stored = constant("\(bias.text)_quantized", Tensor(.int32, dims: [values.count], bytes: TensorBytes(codes)))
            let isPerChannel = weight.axis != nil
            let scale = constant("\(bias.text)_scale", Tensor(.float, dims: isPerChannel ? [scales.count] : [], bytes: TensorBytes(scales.flatMap(\.bytes))))
            let zero = constant("\(bias.text)_zero_point", Self.zeros(.int32, isPerChannel ? scales.count : nil))
            let back = fresh("\(bias.text)_dequantized")
            behind[-1, default: []].append(
                Node(
                    "DequantizeLinear", name: fresh("\(bias.text)_DequantizeLinear"), inputs: [stored, scale, zero], outputs: [back],
                    attributes: isPerChannel ? [Attribute("axis", .int(0))] : []))
            model.graph.nodes[layer.node].inputs[2] = back
        }
    }

    /// Zero points of 0 could be left out, but ONNX Runtime makes no QGemm without them.
    private static func zeros(_ type: ElementType, _ count: Int?) -> Tensor {
        Tensor(type, dims: count.map { [$0] } ?? [], bytes: TensorBytes([UInt8](repeating: 0, count: (count ?? 1) * type.storageWidth)))
    }

    /// Codes in place of the weights, under names of their own; the weights' names are what `DequantizeLinear` makes.
    private mutating func storeWeights() {
        for (name, weight) in weights.sorted(by: { $0.key < $1.key }) {
            let codes = constant("\(name.text)_quantized", Tensor(weight.elementType, dims: weight.dims, bytes: weight.codes))
            let scale = constant("\(name.text)_scale", Tensor(.float, dims: weight.axis == nil ? [] : [weight.scales.count], bytes: TensorBytes(weight.scales.flatMap(\.bytes))))
            let zero = constant("\(name.text)_zero_point", Self.zeros(weight.elementType, weight.axis == nil ? nil : weight.scales.count))
            behind[-1, default: []].append(
                Node(
                    "DequantizeLinear", name: fresh("\(name.text)_DequantizeLinear"), inputs: [codes, scale, zero], outputs: [name],
                    attributes: weight.axis.map { [Attribute("axis", .int(Int64($0)))] } ?? []))
            gone.insert(name)
        }
    }

    /// Constants that stand no longer.
    private var gone: Set<Name> = []

    // MARK: - all together

    private mutating func finish() {
        let kept = model.graph.nodes.indices.filter { index in
            let node = model.graph.nodes[index]
            return node.opType != "Constant" || !(node.outputs.first.map(gone.contains) ?? false)
        }
        model.graph.nodes = (behind[-1] ?? []) + kept.flatMap { [model.graph.nodes[$0]] + (behind[$0] ?? []) }
        // Biases that nobody reads as floats any more.
        var read: Set<Name> = []
        model.forEachNode { node, _ in read.formUnion(node.inputs) }
        model.forEachGraph { graph, _ in read.formUnion(graph.outputs.compactMap(\.name)) }
        let unread = Set(region.layers.compactMap(\.bias)).subtracting(read)
        gone.formUnion(unread)
        model.graph.initializers.removeAll { $0.name.map(gone.contains) ?? false }
        model.graph.nodes.removeAll { $0.opType == "Constant" && $0.outputs.first.map(unread.contains) ?? false }
        // Before IR 4 they were inputs too.
        model.graph.inputs.removeAll { $0.name.map(gone.contains) ?? false }
        model.irVersion = max(model.irVersion ?? 4, 4)
        model.graph.initializers += constants
    }
}

extension Float {
    /// Little-endian.
    fileprivate var bytes: [UInt8] { [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: bitPattern >> $0) } }
}
