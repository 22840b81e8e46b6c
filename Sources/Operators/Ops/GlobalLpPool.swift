package import Tensors

package enum GlobalLpPool: GlobalReduction, Inferring, Runnable {
    package static let name: Name = "GlobalLpPool"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.type(0), try call.planeDims())] }

    package static func run(_ call: Call) throws -> [Value?] { try GlobalPooling.run(call, Self.self) }

    static func reduce<T: RealElement>(_ plane: UnsafeBufferPointer<T>, _ call: Call) throws -> T {
        let p = call.opset < 2 ? T(try call.float("p", 2)) : T(try call.int("p", 2))
        guard p > 0 else { throw ModelError(.invalidGraph, "'p' is \(p), more than 0 is needed") }
        return unsafe T.power(plane.reduce(0) { $0 + T.power(abs($1), p) }, 1 / p)
    }
}
