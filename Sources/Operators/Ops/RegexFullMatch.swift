package import Tensors

package enum RegexFullMatch: Inferring, Runnable {
    package static let name: Name = "RegexFullMatch"

    static func infer(_ call: InferenceCall) throws -> [Fact] { try call.likeInput(as: .bool) }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0), regex = try Regex(Array(call.required("pattern", call.string("pattern")).utf8))
        let strings = try within("input 0") { try data.stringList() }
        let result = try NewElements<UInt8>(strings.map { try regex.matchesAll(scalars($0)) ? 1 : 0 })
        return [.tensor(result.tensor(.bool, data.dims))]
    }
}
