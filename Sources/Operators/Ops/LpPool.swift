package import Tensors

package enum LpPool: Checkable, Inferring, Runnable {
    package static let name: Name = "LpPool"

    static func check(_ node: OperatorNode, into report: inout NodeReport) {
        node.checkWindow(into: &report)
    }

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.type(0), try call.pooledDims())] }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0)
        return [.tensor(x.elementType == .double ? try run(call, x, Double.self) : try run(call, x, Float.self))]
    }

    private static func run<T: RealElement>(_ call: Call, _ x: Tensor, _: T.Type) throws -> Tensor {
        let pooling = try Pooling(call, x)
        let y = try call.newElements(pooling.dims, T.self)
        try pooling.norm(T.load(x, "the input"), p: norm(call), into: y, threads: call.environment.threads)
        return try T.store(y, as: x.elementType, pooling.dims)
    }

    /// Operator set 1 had a float.
    private static func norm(_ call: Call) throws -> Int {
        let p = call.opset < 2 ? Int(exactly: try call.float("p", 2).rounded()) ?? 0 : try call.int("p", 2)
        guard p >= 1 else { throw ModelError(.invalidGraph, "'p' is \(p), at least 1 is needed") }
        return p
    }
}
