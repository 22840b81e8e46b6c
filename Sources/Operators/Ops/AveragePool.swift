package import Tensors

package enum AveragePool: Checkable, Inferring, Runnable {
    package static let name: Name = "AveragePool"

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
        try pooling.mean(T.load(x, "the input"), into: y, threads: call.environment.threads)
        return try T.store(y, as: x.elementType, pooling.dims)
    }
}
