package import Tensors

package enum Size: Runnable {
    package static let name: Name = "Size"

    package static func run(_ call: Call) throws -> [Value?] {
        [.tensor(try .int64([checkedCount(call.tensor(0).dims)], dims: []))]
    }
}
