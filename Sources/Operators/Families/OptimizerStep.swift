internal import Tensors

/// One step of an optimizer of ai.onnx.preview.training, for tensors of one element type.
protocol OptimizerStep {
    /// `inputs` are X, G and the states of one tensor; `outputs` the new X and the new states. All have as many elements.
    func update<T: Element & BinaryFloatingPoint>(_ inputs: [Elements<T>], _ outputs: [NewElements<T>])
}

extension Call {
    /// The learning rate and the number of steps so far: inputs 0 and 1.
    func rateAndCount() throws -> (rate: Double, count: Int64) {
        let rate: Elements<Double> = try tensor(0).numbers("input 0"), count = try tensor(1)
        guard rate.count == 1, count.elementType == .int64, count.elementCount == 1 else {
            throw ModelError(.invalidGraph, "inputs 0 and 1 have \(rate.count) and \(count.elementType)\(count.dims) elements; a rate and an INT64 number are needed")
        }
        return (rate[0], try count.elements(as: Int64.self)[0])
    }

    /// Runs `step` for each tensor. Behind rate and count the inputs are all X, all G and each kind of state; `kinds` says how many
    /// kinds of inputs there are.
    func optimize(_ step: some OptimizerStep, kinds: Int) throws -> [Value?] {
        let count = (inputs.count - 2) / kinds
        guard inputs.count > 2, count * kinds == inputs.count - 2 else {
            throw ModelError(.invalidGraph, "has \(inputs.count) inputs, 2 and \(kinds) for each tensor are needed")
        }
        var outputs = [Value?](repeating: nil, count: count * (kinds - 1))
        for index in 0..<count {
            let tensors = try (0..<kinds).map { try tensor(2 + $0 * count + index) }
            for tensor in tensors where tensor.dims != tensors[0].dims || tensor.elementType != tensors[0].elementType {
                throw ModelError(
                    .invalidGraph, "a tensor is \(tensors[0].elementType)\(tensors[0].dims), its gradient or state \(tensor.elementType)\(tensor.dims)")
            }
            let results =
                switch tensors[0].elementType {
                case .float: try update(step, tensors, Float.self)
                case .double: try update(step, tensors, Double.self)
                default: throw ModelError(.invalidGraph, "a tensor is \(tensors[0].elementType), FLOAT or DOUBLE is needed")
                }
            for (kind, result) in results.enumerated() { outputs[kind * count + index] = .tensor(result) }
        }
        return outputs
    }

    private func update<T: Element & BinaryFloatingPoint>(_ step: some OptimizerStep, _ tensors: [Tensor], _: T.Type) throws -> [Tensor] {
        let count = try room(for: tensors[0].dims, of: tensors[0].elementType)
        let outputs = try tensors.dropFirst().map { _ in try NewElements<T>(count) }
        step.update(try tensors.map { try $0.elements(as: T.self) }, outputs)
        return outputs.map { $0.tensor(tensors[0].elementType, tensors[0].dims) }
    }
}
