public import ModelGraph
internal import Tensors

/// Cross-layer equalization (Nagel et al., "Data-Free Quantization through Weight Equalization and Bias Correction", 2019): of two convolutions, one behind the
/// other, with nothing or something positively homogeneous between them, f(s x) = s f(x), the channels between them can be scaled: those of the first by 1 / s,
/// the weights that read them in the second by s. With s = √(r₁ / r₂), r the largest weight of the channel in each, both have the range √(r₁ r₂).
///
/// `Relu` and `LeakyRelu` are homogeneous. `Clip` is where it has no bound but 0: one of 6, as in ReLU6, would need a bound for each channel.
public enum Equalization {
    /// The model with equal channels, and how many pairs of convolutions have been changed.
    public static func apply(to model: Model) throws -> (model: Model, pairs: Int) {
        let uses = GraphUses(model.graph), pairs = uses.nodes.indices.compactMap { Pair($0, uses) }
        guard !pairs.isEmpty else { return (model, 0) }
        var values: [Name: [Float]] = [:]
        for pair in pairs { for name in [pair.first, pair.second] + [pair.bias].compactMap(\.self) where values[name] == nil { values[name] = uses.floats(name) } }
        for _ in 0..<20 {
            var largest: Float = 1
            for pair in pairs {
                let factors = pair.factors(values)
                pair.scale(&values, by: factors)
                for factor in factors { largest = max(largest, factor, 1 / factor) }
            }
            if largest < 1.001 { break }
        }
        var editing = ConstantEditing(model), done: Set<Name> = []
        for pair in pairs {
            for (node, input, name) in [(pair.node, 1, pair.first), (pair.node, 2, pair.bias ?? ""), (pair.next, 1, pair.second)] where !name.isEmpty {
                guard done.insert(name).inserted, let new = values[name], let dims = uses.constants[name]?.dims else { continue }
                try editing.set(node, input, "equalized", new, dims)
            }
        }
        return (editing.finish(), pairs.count)
    }

    private struct Pair {
        let node: Int
        let next: Int
        let first: Name
        let bias: Name?
        let second: Name
        let channels: Int
        /// Of the second: input channels of a group, output channels of a group, taps.
        let inputs: Int
        let outputs: Int
        let taps: Int

        init?(_ index: Int, _ uses: GraphUses) {
            let node = uses.nodes[index]
            guard node.isStandard, node.opType == "Conv", node.inputs.count >= 2, var value = node.outputs.first, let first = Self.weights(node, uses) else { return nil }
            var found: Int?
            while let reader = uses.onlyReader(value) {
                let other = uses.nodes[reader]
                guard other.isStandard, other.inputs.first == value, let output = other.outputs.first else { return nil }
                if other.opType == "Conv" {
                    found = reader
                    break
                }
                guard Self.isHomogeneous(other, uses) else { return nil }
                value = output
            }
            guard let next = found, let second = Self.weights(uses.nodes[next], uses), let groups = uses.nodes[next].groups, second[1] * groups == first[0],
                second[0] % groups == 0
            else { return nil }
            (self.node, self.next, channels) = (index, next, first[0])
            (self.first, self.second) = (node.inputs[1], uses.nodes[next].inputs[1])
            bias = node.inputs.count > 2 && !node.inputs[2].isEmpty ? node.inputs[2] : nil
            (inputs, outputs, taps) = (second[1], second[0] / groups, second[2...].reduce(1, *))
            if let bias {
                guard uses.floats(bias)?.count == channels, uses.readers[bias]?.count == 1, !uses.shown.contains(bias) else { return nil }
            }
        }

        /// Dims of constant weights that no other node has.
        private static func weights(_ node: Node, _ uses: GraphUses) -> [Int]? {
            guard node.inputs.count >= 2, let tensor = uses.constants[node.inputs[1]], tensor.elementType == .float, tensor.dims.count >= 3, !tensor.dims.contains(0),
                uses.readers[node.inputs[1]]?.count == 1, !uses.shown.contains(node.inputs[1]), uses.floats(node.inputs[1]) != nil
            else { return nil }
            return tensor.dims
        }

        private static func isHomogeneous(_ node: Node, _ uses: GraphUses) -> Bool {
            switch node.opType?.text {
            case "Relu", "LeakyRelu", "Identity": return true
            case "Clip":
                // The attributes of old operator sets have a bound above by default.
                guard node.attribute("min") == nil, node.attribute("max") == nil, node.inputs.count > 1, node.inputs.count < 3 || node.inputs[2].isEmpty
                else { return false }
                return node.inputs[1].isEmpty || uses.floats(node.inputs[1]) == [0]
            default: return false
            }
        }

        func factors(_ values: [Name: [Float]]) -> [Float] {
            guard let a = values[first], let b = values[second] else { return [Float](repeating: 1, count: channels) }
            let row = a.count / channels
            return (0..<channels).map { channel in
                var r1: Float = 0, r2: Float = 0
                for index in channel * row..<(channel + 1) * row { r1 = max(r1, abs(a[index])) }
                forEachWeight(of: channel) { r2 = max(r2, abs(b[$0])) }
                guard r1 > 0, r2 > 0 else { return 1 }
                let factor = (r1 / r2).squareRoot()
                return factor.isFinite && factor > 1e-4 && factor < 1e4 ? factor : 1
            }
        }

        func scale(_ values: inout [Name: [Float]], by factors: [Float]) {
            guard var a = values[first], values[second] != nil else { return }
            let row = a.count / channels
            for index in a.indices { a[index] /= factors[index / row] }
            values[first] = a
            if let bias, var b = values[bias] {
                for channel in b.indices { b[channel] /= factors[channel] }
                values[bias] = b
            }
            guard var b = values[second] else { return }
            for channel in 0..<channels { forEachWeight(of: channel) { b[$0] *= factors[channel] } }
            values[second] = b
        }

        /// Of the second convolution.
        private func forEachWeight(of channel: Int, _ body: (Int) -> Void) {
            let group = channel / inputs, input = channel % inputs
            for output in group * outputs..<(group + 1) * outputs {
                let start = (output * inputs + input) * taps
                for index in start..<start + taps { body(index) }
            }
        }
    }
}
