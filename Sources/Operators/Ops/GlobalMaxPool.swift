package import Tensors

package enum GlobalMaxPool: GlobalReduction, Inferring, Runnable {
    package static let name: Name = "GlobalMaxPool"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.type(0), try call.planeDims())] }

    package static func run(_ call: Call) throws -> [Value?] { try GlobalPooling.run(call, Self.self) }

    static func reduce<T: RealElement>(_ plane: UnsafeBufferPointer<T>, _ call: Call) throws -> T {
        unsafe plane.reduce(-T.infinity) { $1 <= $0 ? $0 : $1 }
    }
}
