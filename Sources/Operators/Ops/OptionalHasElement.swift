package import Tensors

package enum OptionalHasElement: Runnable {
    package static let name: Name = "OptionalHasElement"

    package static func run(_ call: Call) throws -> [Value?] {
        var holds = call.hasInput(0)
        if holds, case .optional(nil) = try call.value(0) { holds = false }
        return [.tensor(try NewElements<UInt8>(1, filledWith: holds ? 1 : 0).tensor(.bool, []))]
    }
}
