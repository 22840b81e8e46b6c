package import Tensors

package enum GlobalAveragePool: GlobalReduction, Inferring, Runnable {
    package static let name: Name = "GlobalAveragePool"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.type(0), try call.planeDims())] }

    package static func run(_ call: Call) throws -> [Value?] { try GlobalPooling.run(call, Self.self) }

    static func reduce<T: RealElement>(_ plane: UnsafeBufferPointer<T>, _ call: Call) throws -> T {
        unsafe plane.baseAddress.map { unsafe Normalization.sum($0, plane.count, from: nil) / T(max(plane.count, 1)) } ?? 0
    }
}
