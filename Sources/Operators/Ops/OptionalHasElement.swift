package import Tensors

package enum OptionalHasElement: Inferring, Runnable {
    package static let name: Name = "OptionalHasElement"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(.bool, [])] }

    package static func run(_ call: Call) throws -> [Value?] {
        var holds = call.hasInput(0)
        if holds, case .optional(nil) = try call.value(0) { holds = false }
        return [.tensor(try NewElements<UInt8>(1, filledWith: holds ? 1 : 0).tensor(.bool, []))]
    }
}
