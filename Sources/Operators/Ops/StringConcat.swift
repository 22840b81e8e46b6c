package import Tensors

package enum StringConcat: Inferring, Runnable {
    package static let name: Name = "StringConcat"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(.string, try call.broadcast([call.dims(0), call.dims(1)]))] }

    package static func run(_ call: Call) throws -> [Value?] {
        let a = try call.tensor(0), b = try call.tensor(1)
        let first = try within("input 0") { try a.stringList() }, second = try within("input 1") { try b.stringList() }
        let broadcast = try Broadcast([a.dims, b.dims])
        try call.environment.checkAllocation(64 * broadcast.count)
        let left = boxOffsets(broadcast.dims, broadcast.strides(of: a.dims)), right = boxOffsets(broadcast.dims, broadcast.strides(of: b.dims))
        return [.tensor(.strings(zip(left, right).map { first[$0] + second[$1] }, dims: broadcast.dims))]
    }
}
