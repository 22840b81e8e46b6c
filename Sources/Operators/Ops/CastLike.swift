package import Tensors

package enum CastLike: Runnable {
    package static let name: Name = "CastLike"

    package static func run(_ call: Call) throws -> [Value?] {
        [.tensor(try call.casting(to: call.tensor(1).elementType).cast(call.tensor(0)))]
    }
}
