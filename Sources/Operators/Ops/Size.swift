package import Tensors

package enum Size: Inferring, Runnable {
    package static let name: Name = "Size"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let input = try call.tensor(0)
        return [Fact(.int64, [], integers: [input.elementCount])]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        [.tensor(try .int64([checkedCount(call.tensor(0).dims)], dims: []))]
    }
}
