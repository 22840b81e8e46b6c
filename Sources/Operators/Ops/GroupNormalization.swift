package import Tensors

package enum GroupNormalization: Checkable, Inferring, Runnable {
    package static let name: Name = "GroupNormalization"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        if let groups = node.int("num_groups"), groups < 1 {
            report.error("attribute 'num_groups' is \(groups), at least 1 is expected")
        }
    }

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput() }

    package static func run(_ call: Call) throws -> [Value?] {
        try call.tensor(0).elementType == .double ? run(call, Double.self) : run(call, Float.self)
    }

    private static func run<T: RealElement>(_ call: Call, _: T.Type) throws -> [Value?] {
        let x = try call.tensor(0)
        let groups = try call.required("num_groups", call.int("num_groups"))
        guard x.dims.count >= 2, groups >= 1, x.dims[1] % groups == 0 else {
            throw ModelError(.invalidGraph, "cannot normalize \(x.dims) in \(groups) groups of channels")
        }
        guard x.elementCount != 0 else { return [.tensor(x)] }
        let channels = x.dims[1], plane = x.dims.dropFirst(2).reduce(1, *)
        // Operator set 18 had one scale per group, later ones have one per channel.
        let count = call.opset < 21 ? groups : channels
        let factors = Normalization.Factors<T>(
            scale: try call.vector(1, count: count, "the scale"), bias: try call.vector(2, count: count, "the bias"),
            inner: max(1, plane * (call.opset < 21 ? channels / groups : 1)))
        let y = try call.newElements(x.dims, T.self)
        let work = Normalization(rows: x.dims[0] * groups, length: channels / groups * plane, epsilon: Double(try call.float("epsilon", 1e-5)))
        unsafe try T.load(x, "the input").withPointer { x in unsafe try y.withPointer { unsafe try work.run(x, factors, into: $0, threads: call.environment.threads) } }
        return [.tensor(try T.store(y, as: x.elementType, x.dims))]
    }
}
