package import Tensors

package enum GlobalMaxPool: Runnable, GlobalReduction {
    package static let name: Name = "GlobalMaxPool"

    package static func run(_ call: Call) throws -> [Value?] { try GlobalPooling.run(call, Self.self) }

    static func reduce<T: RealElement>(_ plane: UnsafeBufferPointer<T>, _ call: Call) throws -> T {
        unsafe plane.reduce(-T.infinity) { $1 <= $0 ? $0 : $1 }
    }
}
